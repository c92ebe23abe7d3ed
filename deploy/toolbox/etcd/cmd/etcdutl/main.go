// Command etcdutl reads and restores the files of an etcd that does not run.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
)

func main() {
	tool := &cobra.Command{Use: "etcdutl", SilenceUsage: true}
	tool.PersistentFlags().StringVarP(
		&etcdutl.OutputFormat, "write-out", "w", "simple", "simple, table, json, fields or protobuf")
	tool.AddCommand(etcdutl.NewSnapshotCommand(), etcdutl.NewHashKVCommand(),
		etcdutl.NewDefragCommand(), etcdutl.NewMigrateCommand(), etcdutl.NewVersionCommand())
	if err := tool.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
