package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog/kv"
	rdfs "github.com/rdfs/rdfs/fs"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/metadata"
	"github.com/rdfs/rdfs/internal/search"
	"github.com/rdfs/rdfs/internal/search/semantic"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
)

// volumeEngine puts a repository together out of its packages.
type volumeEngine struct{}

// openVolume is an open repository.
type openVolume struct {
	*volume.Volume
	*metadata.Store
	o       openOptions
	tiers   openTiers
	shipper shippers
	room    room

	search    *search.Search
	meaning   *semantic.Index // nil: not switched on
	following atomic.Bool     // it is kept up to date by itself
}

// Open implements engine.
func (volumeEngine) Open(ctx context.Context, o openOptions) (drive, error) {
	k, secret, err := openKeys(ctx, o)
	if err != nil {
		return nil, err
	}
	last, err := beginRun(o.Dir)
	if err != nil {
		return nil, err
	}
	all, err := openRepositoryTiers(ctx, o)
	if err != nil {
		return nil, err
	}
	if k, err = keysWith(ctx, o, k, secret, tiers.All(all)); err != nil {
		return nil, errors.Join(err, all.Close())
	}
	bolt, err := kv.OpenBolt(catalogPath(o.Dir), kv.BoltOptions{Logger: o.Logger})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("catalog: %w", err), all.Close())
	}
	engine, shipper := shipped(bolt, o, all, k)
	var disk unix.Statfs_t
	if err := unix.Statfs(o.Dir, &disk); err != nil {
		return nil, errors.Join(err, engine.Close(), all.Close())
	}
	size, inodes := int64(disk.Blocks)*int64(disk.Bsize), int64(disk.Files)
	v, err := volume.Open(volume.Options{
		Repository:    o.Dir,
		ID:            o.Config.ID,
		Engine:        engine,
		Tiers:         all,
		Keys:          volumeKeys(k),
		Copies:        o.Config.Placement.Copies,
		DraftDir:      filepath.Join(o.Dir, "drafts"),
		CacheDir:      filepath.Join(o.Dir, "cache"),
		CacheMax:      o.Config.Cache.MaxSize.Of(size),
		CacheMinFree:  o.Config.Cache.MinFree.Of(size),
		CacheMinNodes: o.Config.Cache.MinFreeInodes.Of(inodes),
		SealAfter:     o.Config.SealAfter,
		Schema:        o.Config.Metadata,
		Naming:        o.Config.Naming.Compiled,
		NamingTitle:   o.Config.Naming.Title(),
		StagedFor:     o.Config.Naming.StagedFor,
		Schedule:      o.Config.Snapshots.Schedule,
		KeepSnapshots: o.Config.Snapshots.Keep,
		GC:            gcOptions(o.Config, shipper),
		LastStop:      last,
		Now:           o.Now,
		Logger:        o.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, all.Close())
	}
	s, meaning := newSearch(v, &o)
	return &openVolume{Volume: v, Store: metadata.New(v, o.Config.Metadata), o: o, tiers: all, shipper: shipper, search: s, meaning: meaning}, nil
}

func gcOptions(c *config.Config, shipper shippers) volume.GCOptions {
	v := c.Versions
	o := volume.GCOptions{TimeTravel: c.TimeTravel, Every: c.GC.Every, Grace: c.GC.Grace, Repack: c.GC.Repack,
		Versions: volume.KeepVersions{Limited: v.Keep == config.KeepLimited, Within: v.KeepWithin, Last: v.KeepLast}}
	if len(shipper) > 0 {
		o.Publish = shipper.publish
	}
	if o.Grace == 0 {
		o.Grace = -1 // no age is asked for; 0 would be the default
	}
	return o
}

func catalogPath(repo string) string { return filepath.Join(repo, "catalog", "catalog.db") }

// Access implements drive.
func (d *openVolume) Access(_ context.Context, who control.Caller, path string) error {
	return d.MayReach(path, volume.Identity{UID: who.UID, Groups: append(slices.Clone(who.Groups), who.GID)})
}

// Close implements drive.
func (d *openVolume) Close(ctx context.Context, progress func(volume.Progress)) error {
	err := d.Volume.Flush(ctx, progress)
	err = errors.Join(err, d.closeSearch(ctx))
	d.ship(ctx) // while a copy can be taken, if one is due
	err = errors.Join(err, d.Volume.Close(ctx, progress))
	d.closeShipper(ctx)
	err = errors.Join(err, d.tiers.Close())
	if err == nil || onlyEnded(err) {
		err = errors.Join(err, endRun(d.o.Dir))
	}
	return err
}

// volumeMount is a mounted drive.
type volumeMount struct{ *rdfs.Mount }

// Mount implements drive.
func (d *openVolume) Mount(_ context.Context, o mountOptions) (mounted, error) {
	m, err := rdfs.New(d.Volume, o.Mountpoint, rdfs.Options{Source: o.Source, AllowOther: o.AllowOther, ReadOnly: o.ReadOnly,
		Kernel: o.Kernel, Debug: o.Debug, NoPassthrough: !o.Passthrough, Shelves: map[string]rdfs.Shelf{"incomplete": d.Incomplete(), "q": d.search.Queries(), "by": d.search.Values()}, Logger: d.o.Logger})
	if err != nil {
		return nil, err
	}
	return volumeMount{m}, nil
}

// NoPassthrough implements mounted.
func (m volumeMount) NoPassthrough() string { return m.WhyNoPassthrough() }
