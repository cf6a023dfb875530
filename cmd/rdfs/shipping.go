package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/internal/ship"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
)

// shipped returns an engine whose commits are shipped to the tier, and what ships them;
// the engine itself and nil where that is switched off.
func shipped(bolt kv.Engine, o openOptions, store tiers.Store, k *keys.Keys) (kv.Engine, *ship.Shipper) {
	c := o.Config.Catalog
	if c.ShipEvery == 0 {
		return bolt, nil
	}
	store, ring := catalogStore(store, k)
	engine := ship.Wrap(bolt, 0, o.Now)
	return engine, ship.New(ship.Options{
		Engine: engine, Store: store, Ring: ring, Repository: o.Config.ID,
		State: filepath.Join(o.Dir, "catalog", "ship.json"),
		Config: func() []byte {
			text, err := os.ReadFile(filepath.Join(o.Dir, config.FileName))
			if err != nil {
				o.Logger.Warn("the configuration is not copied to the tier", "err", err)
			}
			return text
		},
		NewID: func() string { return ulid.MustNew(ulid.Timestamp(o.Now()), rand.Reader).String() },
		Now:   o.Now,
		Every: c.ShipEvery, CopyEvery: c.CopyEvery, Keep: c.KeepCopies,
		Logger: o.Logger,
	})
}

// Background implements drive.
func (d *openVolume) Background(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { d.RunSchedule(ctx) })
	all.Go(func() { d.RunGC(ctx) })
	all.Go(func() { d.runSearch(ctx) })
	if d.shipper != nil {
		all.Go(func() { d.shipper.Run(ctx) })
	}
	all.Wait()
}

// ship ships what was committed by now.
func (d *openVolume) ship(ctx context.Context) {
	if d.shipper == nil {
		return
	}
	if err := d.shipper.Ship(ctx); err != nil && !onlyEnded(err) {
		d.o.Logger.Warn("the catalog does not reach the tier", "err", err)
	}
}

// closeShipper ships what is left. What cannot be shipped now is not lost: the next
// mount begins with a copy.
func (d *openVolume) closeShipper(ctx context.Context) {
	if d.shipper == nil {
		return
	}
	if err := d.shipper.Close(ctx); err != nil && !onlyEnded(err) {
		d.o.Logger.Warn("the last changes of the catalog are not in the tier yet; the next mount copies it", "err", err)
	}
}

// Status implements control.Drive.
func (d *openVolume) Status(ctx context.Context) (volume.Status, error) {
	st, err := d.Volume.Status(ctx)
	if d.shipper != nil {
		s := d.shipper.Status()
		st.CatalogShipped, st.CatalogShipError = s.Shipped, s.Error
	}
	return st, err
}
