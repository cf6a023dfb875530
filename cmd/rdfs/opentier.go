package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/dir"
	"github.com/rdfs/rdfs/tiers/s3"
)

// tierStore is an open tier of any kind.
type tierStore interface {
	tiers.Store
	Close() error
}

// openTier opens the first tier, and makes it when the repository is new. A bucket that
// cannot be reached is no obstacle, except to a new repository.
func openTier(ctx context.Context, o openOptions) (store tierStore, err error) {
	t := o.Config.Tiers[0]
	// Only a repository without a catalog may make its tier: later, a tier that is
	// not there is a disk that is not mounted.
	_, err = os.Stat(catalogPath(o.Dir))
	isNew := errors.Is(err, fs.ErrNotExist)
	if store, err = openStore(ctx, t, o, isNew); err != nil {
		return nil, err
	}
	if !isNew {
		return store, nil
	}
	for object, err := range store.List(ctx, "") {
		if err == nil && o.Config.Encryption.On() && strings.HasPrefix(object.Key, keys.Prefix) {
			continue // an earlier attempt
		}
		if err == nil {
			err = failf(exitDamaged, "the catalog %s is missing, and tier %s holds data (%s): a new catalog would forget every file. "+
				"`rdfs recover` makes it anew in another directory from the copies in the tier", catalogPath(o.Dir), t.Name, object.Key)
		}
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// openStore opens a tier of any kind, and makes it before if create is set.
func openStore(ctx context.Context, t config.Tier, o openOptions, create bool) (store tierStore, err error) {
	if t.Kind == config.KindDir {
		store, err = openDir(t, o, create)
	} else {
		store, err = openBucket(ctx, t, o, create)
	}
	if err != nil {
		return nil, fmt.Errorf("tier %s: %w", t.Name, err)
	}
	return store, nil
}

func openDir(t config.Tier, o openOptions, create bool) (tierStore, error) {
	path, opts := t.Dir(o.Dir), dir.Options{Now: o.Now, Log: o.Logger}
	if create {
		if err := dir.Create(path, o.Config.ID, opts); err != nil {
			return nil, err
		}
	}
	store, err := dir.Open(path, o.Config.ID, opts)
	if err != nil {
		return nil, err
	}
	return store, nil
}

func openBucket(ctx context.Context, t config.Tier, o openOptions, create bool) (tierStore, error) {
	opts := bucketOptions(t, o.Dir)
	opts.Now, opts.Logger = o.Now, o.Logger
	if create {
		if err := s3.Create(ctx, o.Config.ID, opts); err != nil {
			return nil, err
		}
	}
	store, err := s3.Open(o.Config.ID, opts)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// bucketOptions returns what the configuration says of a tier in a bucket. Files are
// relative to the repository.
func bucketOptions(t config.Tier, repo string) s3.Options {
	file := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(repo, name)
	}
	return s3.Options{
		Endpoint: t.Endpoint, Region: t.Region, Bucket: t.Bucket, Prefix: t.Prefix, GCS: t.Kind == config.KindGCS,
		Credentials: s3.Credentials(t.Credentials), Profile: t.Profile, File: file(t.CredentialsFile), CAFile: file(t.CAFile),
		StorageClass: t.StorageClass, Encryption: s3.Encryption(t.Encryption), KMSKey: t.EncryptionKey, KeyFile: file(t.EncryptFile),
		Stall: t.Stall,
	}
}
