"""etcd's messages: the fields we use, under a package name nobody else registers."""
