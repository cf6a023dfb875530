package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/sealed"
)

// openKeys opens the keys of a repository; nil when it is not encrypted. It comes before
// anything else of the repository is touched. Keys that only the tier has are nil, too:
// see keysWith.
func openKeys(ctx context.Context, o openOptions) (*keys.Keys, *keys.Secret, error) {
	e, there := o.Config.Encryption, keys.Exist(keysPath(o.Dir))
	if !e.On() {
		if there {
			return nil, nil, failf(exitConfig, "%s holds the keys of an encrypted repository, and encryption.domain in rdfs.yaml says none: an encrypted repository stays encrypted", keysPath(o.Dir))
		}
		return nil, nil, nil
	}
	s, err := o.Secret(ctx)
	if err != nil {
		return nil, nil, err
	}
	if !there {
		return nil, &s, nil
	}
	k, err := keys.Open(ctx, keyOptions(o), nil, s)
	if errors.Is(err, keys.ErrWrongKey) {
		return nil, nil, failf(exitPermission, "%w", err)
	}
	if err != nil {
		o.Logger.Warn("the keys in the repository cannot be used; those in the tier are tried", "err", err)
		return nil, &s, nil
	}
	return k, &s, nil
}

func keyOptions(o openOptions) keys.Options {
	return keys.Options{Dir: keysPath(o.Dir), Repository: o.Config.ID, One: o.Config.Encryption.Domain == config.DomainRepository, Now: o.Now}
}

// keysWith returns the keys, with the tier that has them as well.
func keysWith(ctx context.Context, o openOptions, k *keys.Keys, s *keys.Secret, store tiers.Store) (*keys.Keys, error) {
	if s == nil {
		return nil, nil
	}
	if k != nil {
		k.Attach(store)
		return k, nil
	}
	k, err := keys.Open(ctx, keyOptions(o), store, *s)
	switch {
	case errors.Is(err, keys.ErrWrongKey):
		return nil, failf(exitPermission, "%w", err)
	case errors.Is(err, keys.ErrNoKeys):
		return nil, failf(exitConfig, "encryption.domain in rdfs.yaml says that the repository is encrypted, and neither %s nor the tier has its keys; only `rdfs init --encrypt` makes an encrypted repository: %w", keysPath(o.Dir), err)
	case err != nil:
		return nil, fmt.Errorf("keys of the repository: %w", err)
	}
	return k, nil
}

// volumeKeys is k as the volume wants it.
func volumeKeys(k *keys.Keys) volume.Keys {
	if k == nil {
		return nil
	}
	return k
}

// catalogStore returns the store of the copies of the catalog, and the keys that name them.
func catalogStore(store tiers.Store, k *keys.Keys) (tiers.Store, *crypt.Ring) {
	if k == nil {
		return store, nil
	}
	return sealed.New(store, k.Ring(), k.Ready), k.Ring()
}
