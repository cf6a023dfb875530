package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog/kv"
	rdfs "github.com/rdfs/rdfs/fs"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers/dir"
)

// volumeEngine puts a repository together out of its packages.
type volumeEngine struct{}

// openVolume is an open repository.
type openVolume struct {
	*volume.Volume
	o     openOptions
	store *dir.Store
}

// Open implements engine.
func (volumeEngine) Open(_ context.Context, o openOptions) (drive, error) {
	last, err := beginRun(o.Dir)
	if err != nil {
		return nil, err
	}
	store, err := openTier(o)
	if err != nil {
		return nil, err
	}
	engine, err := kv.OpenBolt(filepath.Join(o.Dir, "catalog", "catalog.db"), kv.BoltOptions{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("catalog: %w", err), store.Close())
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(o.Dir, &disk); err != nil {
		return nil, errors.Join(err, engine.Close(), store.Close())
	}
	size, inodes := int64(disk.Blocks)*int64(disk.Bsize), int64(disk.Files)
	v, err := volume.Open(volume.Options{
		Repository:    o.Dir,
		ID:            o.Config.ID,
		Engine:        engine,
		Store:         store,
		DraftDir:      filepath.Join(o.Dir, "drafts"),
		CacheDir:      filepath.Join(o.Dir, "cache"),
		CacheMax:      o.Config.Cache.MaxSize.Of(size),
		CacheMinFree:  o.Config.Cache.MinFree.Of(size),
		CacheMinNodes: o.Config.Cache.MinFreeInodes.Of(inodes),
		SealAfter:     o.Config.SealAfter,
		LastStop:      last,
		Logger:        o.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &openVolume{v, o, store}, nil
}

// openTier opens the first tier, and makes it when the repository is new.
func openTier(o openOptions) (*dir.Store, error) {
	t := o.Config.Tiers[0]
	path := t.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.Dir, path)
	}
	opts := dir.Options{Log: o.Logger}
	// Only a repository without a catalog may make its tier: later, a tier that is
	// not there is a disk that is not mounted.
	if _, err := os.Stat(filepath.Join(o.Dir, "catalog", "catalog.db")); errors.Is(err, fs.ErrNotExist) {
		if err := dir.Create(path, o.Config.ID, opts); err != nil {
			return nil, fmt.Errorf("tier %s: %w", t.Name, err)
		}
	}
	store, err := dir.Open(path, o.Config.ID, opts)
	if err != nil {
		return nil, fmt.Errorf("tier %s: %w", t.Name, err)
	}
	return store, nil
}

// Access implements drive.
func (d *openVolume) Access(_ context.Context, who control.Caller, path string) error {
	return d.MayReach(path, volume.Identity{UID: who.UID, Groups: append(slices.Clone(who.Groups), who.GID)})
}

// Close implements drive.
func (d *openVolume) Close(ctx context.Context, progress func(volume.Progress)) error {
	err := d.Volume.Close(ctx, progress)
	clean := err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	err = errors.Join(err, d.store.Close())
	if clean {
		err = errors.Join(err, endRun(d.o.Dir))
	}
	return err
}

// volumeMount is a mounted drive.
type volumeMount struct{ *rdfs.Mount }

// Mount implements drive.
func (d *openVolume) Mount(_ context.Context, o mountOptions) (mounted, error) {
	m, err := rdfs.New(d.Volume, o.Mountpoint, rdfs.Options{Source: o.Source, AllowOther: o.AllowOther, ReadOnly: o.ReadOnly,
		Kernel: o.Kernel, Debug: o.Debug, NoPassthrough: !o.Passthrough, Logger: d.o.Logger})
	if err != nil {
		return nil, err
	}
	if why := m.WhyNoPassthrough(); why != "" {
		d.o.Logger.Info("reads and writes go through this process", "why", why)
	}
	return volumeMount{m}, nil
}

// Passthrough implements mounted.
func (m volumeMount) Passthrough() bool { return m.WhyNoPassthrough() == "" }

// Unmount implements mounted.
func (m volumeMount) Unmount() error { return m.Mount.Unmount(context.Background()) }
