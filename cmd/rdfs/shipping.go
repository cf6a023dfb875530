package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/internal/ship"
	"github.com/rdfs/rdfs/internal/volume"
)

// shippers ship the catalog, one to each tier: what one tier is behind is nothing to the
// others. None: the catalog is not shipped.
type shippers []tierShipper

type tierShipper struct {
	*ship.Shipper
	tier string
}

// shipped returns an engine whose commits are shipped to the tiers, and what ships them.
func shipped(bolt kv.Engine, o openOptions, all openTiers, k *keys.Keys) (kv.Engine, shippers) {
	c := o.Config.Catalog
	if c.ShipEvery == 0 {
		return bolt, nil
	}
	var ships shippers
	engine := bolt
	for _, t := range all {
		state := "ship.json"
		if len(all) > 1 {
			state = "ship-" + t.Name + ".json"
		}
		store, ring := catalogStore(t.Store, k)
		remembers := ship.Wrap(engine, 0, o.Now)
		engine = remembers
		ships = append(ships, tierShipper{ship.New(ship.Options{
			Engine: remembers, Store: store, Ring: ring, Repository: o.Config.ID,
			State: filepath.Join(o.Dir, "catalog", state),
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
			Logger: o.Logger.With("tier", t.Name),
		}), t.Name})
	}
	return engine, ships
}

// each calls fn for all tiers at the same time.
func (s shippers) each(fn func(tierShipper) error) error {
	errs := make([]error, len(s))
	var all sync.WaitGroup
	for i, one := range s {
		all.Go(func() {
			if err := fn(one); err != nil {
				errs[i] = fmt.Errorf("tier %s: %w", one.tier, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// publish ships to all tiers what was committed by now. A copy of the catalog that is
// behind names packs that are about to be removed.
func (s shippers) publish(ctx context.Context) error {
	return s.each(func(one tierShipper) error { return one.Ship(ctx) })
}

// Background implements drive.
func (d *openVolume) Background(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { d.RunSchedule(ctx) })
	all.Go(func() { d.RunGC(ctx) })
	all.Go(func() { d.runSearch(ctx) })
	all.Go(func() { d.room.follow(ctx) })
	all.Go(func() { d.RunCopies(ctx) })
	for _, one := range d.shipper {
		all.Go(func() { one.Run(ctx) })
	}
	all.Wait()
}

// ship ships what was committed by now.
func (d *openVolume) ship(ctx context.Context) {
	d.shipper.each(func(one tierShipper) error {
		if err := one.Ship(ctx); err != nil && !onlyEnded(err) {
			d.o.Logger.Warn("the catalog does not reach the tier", "tier", one.tier, "err", err)
		}
		return nil
	})
}

// closeShipper ships what is left. What cannot be shipped now is not lost: the next
// mount begins with a copy.
func (d *openVolume) closeShipper(ctx context.Context) {
	d.shipper.each(func(one tierShipper) error {
		if err := one.Close(ctx); err != nil && !onlyEnded(err) {
			d.o.Logger.Warn("the last changes of the catalog are not in the tier yet; the next mount copies it", "tier", one.tier, "err", err)
		}
		return nil
	})
}

// Status implements control.Drive.
func (d *openVolume) Status(ctx context.Context) (volume.Status, error) {
	st, err := d.Volume.Status(ctx)
	for _, one := range d.shipper {
		s := one.Status()
		// The best that any tier has: from that the drive can be had back.
		if s.Shipped.After(st.CatalogShipped) {
			st.CatalogShipped = s.Shipped
		}
		if s.Error != "" && st.CatalogShipError == "" {
			st.CatalogShipError = s.Error
			if len(d.shipper) > 1 {
				st.CatalogShipError = "tier " + one.tier + ": " + s.Error
			}
		}
	}
	return st, err
}
