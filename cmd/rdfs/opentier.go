package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rdfs/rdfs/internal/blob"
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

// openTiers are the open tiers of a repository, the nearest first.
type openTiers []tiers.Tier

// Close closes all of them.
func (all openTiers) Close() error {
	var err error
	for _, t := range all {
		err = errors.Join(err, t.Store.(tierStore).Close())
	}
	return err
}

// openRepositoryTiers opens the tiers, and makes them when the repository is new. A bucket
// that cannot be reached is no obstacle, except to a new repository; nor is a directory
// that is not there, when there are other tiers.
func openRepositoryTiers(ctx context.Context, o openOptions) (all openTiers, err error) {
	// Only a repository without a catalog may make its tiers: later, a tier that is
	// not there is a disk that is not mounted.
	_, err = os.Stat(catalogPath(o.Dir))
	isNew := errors.Is(err, fs.ErrNotExist)
	for _, t := range o.Config.Tiers {
		var store tierStore
		if isNew || len(o.Config.Tiers) == 1 {
			store, err = openStore(ctx, t, o, isNew)
		} else {
			store, err = openLater(t, o), nil
		}
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, tiers.Tier{Name: t.Name, Provider: t.ProviderName(), Store: store})
	}
	if !isNew {
		return all, nil
	}
	for _, t := range all {
		for object, err := range t.Store.List(ctx, "") {
			if err == nil && o.Config.Encryption.On() && strings.HasPrefix(object.Key, keys.Prefix) {
				continue // an earlier attempt
			}
			if err == nil {
				err = failf(exitDamaged, "the catalog %s is missing, and tier %s holds data (%s): a new catalog would forget every file. "+
					"`rdfs recover` makes it anew in another directory from the copies in the tier", catalogPath(o.Dir), t.Name, object.Key)
			}
			return nil, errors.Join(err, all.Close())
		}
	}
	return all, nil
}

// openLater returns a tier that is opened when it is first used.
func openLater(t config.Tier, o openOptions) tierStore {
	return tiers.NewLazy(func() (tiers.Store, error) {
		store, err := openStore(context.Background(), t, o, false)
		if errors.Is(err, blob.ErrOffline) {
			err = fmt.Errorf("%w (a new tier: `rdfs tier add %s`)", err, t.Name)
		}
		return store, err
	})
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
