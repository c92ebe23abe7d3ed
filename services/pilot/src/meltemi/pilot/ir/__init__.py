"""What a proxy must do, in the mesh's words, before it is protobuf."""
