// Command vaultd serves Vault's API with what Meltemi asks of it: the PKI and key-value
// engines, logins by AppRole, certificate and JWT, and storage in memory, in files or
// by raft. It reads an ordinary Vault configuration file; everything else of Vault
// (client, UI, auto-unseal, plugins) is left out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	auditfile "github.com/hashicorp/vault/builtin/audit/file"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/logical/pki"
	"github.com/hashicorp/vault/command/server"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/physical/raft"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

const headerTimeout = 10 * time.Second

type factories map[string]logical.Factory

var (
	engines = factories{"pki": pki.Factory, "kv": kv.Factory}
	logins  = factories{"approle": approle.Factory, "cert": cert.Factory, "jwt": jwt.Factory}
	storage = map[string]physical.Factory{
		"inmem":    inmem.NewInmem,
		"inmem_ha": inmem.NewInmemHA,
		"file":     file.NewFileBackend,
		"raft":     raft.NewRaftBackend,
	}
)

// linked answers Vault's plugin catalogue: these names need no plugin process.
type linked struct{}

func (linked) of(kind consts.PluginType) factories {
	switch kind {
	case consts.PluginTypeSecrets:
		return engines
	case consts.PluginTypeCredential:
		return logins
	}
	return nil
}

func (l linked) Contains(name string, kind consts.PluginType) bool {
	return l.of(kind)[name] != nil
}

func (l linked) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	found := l.of(kind)[name]
	return func() (interface{}, error) { return found, nil }, found != nil
}

func (l linked) Keys(kind consts.PluginType) (names []string) {
	for name := range l.of(kind) {
		names = append(names, name)
	}
	return names
}

func (l linked) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, l.Contains(name, kind)
}

func (linked) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

func main() {
	path := flag.String("config", "", "a Vault configuration file (HCL)")
	level := flag.String("log-level", "info", "trace, debug, info, warn or error")
	flag.Parse()
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{
		Name: "vaultd", Level: hclog.LevelFromString(*level), Output: os.Stderr})
	if err := run(*path, log); err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

// run serves until a signal comes or a listener fails.
func run(path string, log hclog.InterceptLogger) error {
	config, err := server.LoadConfigFile(path)
	if err != nil {
		return err
	}
	if config.Storage == nil || len(config.Listeners) == 0 {
		return errors.New("the configuration has no storage or no listener block")
	}
	core, clustered, err := newCore(config, log)
	if err != nil {
		return err
	}
	failed, err := listen(core, config, clustered)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-stop:
		return core.Shutdown()
	case <-core.ShutdownDone():
		return nil
	case err := <-failed:
		return err
	}
}

// newCore returns the server without listeners, and whether it has peers.
func newCore(config *server.Config, log hclog.InterceptLogger) (*vault.Core, bool, error) {
	open := storage[config.Storage.Type]
	if open == nil {
		return nil, false, fmt.Errorf("storage %q is not linked in", config.Storage.Type)
	}
	store, err := open(config.Storage.Config, log.Named("storage"))
	if err != nil {
		return nil, false, err
	}
	parts := &vault.CoreConfig{
		RawConfig:          config,
		Physical:           store,
		StorageType:        config.Storage.Type,
		LogicalBackends:    engines,
		CredentialBackends: logins,
		AuditBackends:      map[string]audit.Factory{"file": auditfile.Factory},
		BuiltinRegistry:    linked{},
		RedirectAddr:       config.APIAddr,
		ClusterName:        config.ClusterName,
		DefaultLeaseTTL:    config.DefaultLeaseTTL,
		MaxLeaseTTL:        config.MaxLeaseTTL,
		DisableCache:       config.DisableCache,
		DisableMlock:       true,
		Logger:             log,
	}
	shared, ok := store.(physical.HABackend)
	clustered := ok && shared.HAEnabled()
	if clustered {
		parts.HAPhysical, parts.ClusterAddr = shared, config.ClusterAddr
	}
	core, err := vault.NewCore(parts)
	return core, clustered, err
}

// listen opens every listener; what ends one arrives on the channel.
func listen(core *vault.Core, config *server.Config, clustered bool) (<-chan error, error) {
	var peers []*net.TCPAddr
	var open []net.Listener
	for _, spec := range config.Listeners {
		listener, _, _, err := server.NewListener(spec, io.Discard, nil)
		if err != nil {
			return nil, err
		}
		open = append(open, listener)
		if clustered && spec.ClusterAddress != "" {
			peer, err := net.ResolveTCPAddr("tcp", spec.ClusterAddress)
			if err != nil {
				return nil, err
			}
			peers = append(peers, peer)
		}
	}
	core.SetClusterListenerAddrs(peers)
	core.SetClusterHandler(handler(core, nil))
	if config.Storage.Type == "raft" {
		if err := core.InitiateRetryJoin(context.Background()); err != nil {
			return nil, err
		}
	}
	failed := make(chan error, len(open))
	for i, listener := range open {
		web := &http.Server{Handler: handler(core, config.Listeners[i]), ReadHeaderTimeout: headerTimeout}
		go func() { failed <- web.Serve(listener) }()
	}
	return failed, nil
}

func handler(core *vault.Core, spec *configutil.Listener) http.Handler {
	return vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: spec})
}
