package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/internal/ship"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/snapshot"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/dir"
	"github.com/rdfs/rdfs/tiers/s3"
)

// recovering is the directory in a repository in which the catalog is made anew.
const recovering = "recovering"

// recoveringKeys is where its keys are kept until there is a repository.
const recoveringKeys = "recovering.keys"

func (a *app) recoverCommand() *cobra.Command {
	var asJSON bool
	var from, like, at string
	var tier config.Tier
	cmd := &cobra.Command{
		Use:   "recover --from TIER REPO",
		Short: "Make a lost repository anew from its tier",
		Long: `Make a repository anew in REPO, a directory that is absent or empty, from the copies
of the catalog in its tier: names, attributes, versions and snapshots, up to what was
shipped last (catalog.ship_every; at unmount everything is). No data are downloaded;
they are fetched when they are read.

TIER is a directory, or s3://BUCKET or s3://BUCKET/PREFIX with --endpoint. --like FILE
takes all settings of the tier from an rdfs.yaml instead.

An encrypted tier opens with the passphrase or key file of one of its key slots, or with an
exported key (--key-file).

The tier is not changed. Never use it by two repositories at once: the lost one must
not come back.`,
		Example: `  rdfs recover --from /mnt/nas/rdfs /srv/repo
  rdfs recover --from s3://our-lab/mouse --endpoint https://s3.example.org /srv/repo
  rdfs recover --like saved-rdfs.yaml --at "2026-11-22 10:00" /srv/repo`,
		Args: want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			repo, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			t, encryption, err := tierToRecover(from, like, tier)
			if err != nil {
				return &codedError{exitUsage, err}
			}
			var until time.Time
			if at != "" {
				if until, err = snapshot.ParseMoment(at, a.now()); err != nil {
					return &codedError{exitUsage, err}
				}
			}
			res, err := a.recoverRepository(cmd.Context(), t, encryption, until, repo)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, res)
			}
			for _, p := range res.Passed {
				fmt.Fprintf(a.stderr, "rdfs: note: passed over the copy %s\n", p)
			}
			fmt.Fprintf(a.stdout, "recovered %s: the catalog as of %s (%s, and %s after it)\n", repo, moment(res.Until),
				size(res.Bytes), plural(res.Groups, "change"))
			fmt.Fprintf(a.stdout, "next: rdfs mount %s DIRECTORY; rdfs check %s compares it with what the tier holds\n", args[0], args[0])
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "the tier: a directory, or `s3://BUCKET[/PREFIX]`")
	f.StringVar(&like, "like", "", "take the settings of the tier from the rdfs.yaml `FILE`")
	f.StringVar(&tier.Endpoint, "endpoint", "", "the server of the bucket, https://HOST")
	f.StringVar(&tier.Region, "region", "", "of the bucket")
	f.StringVar(&tier.Credentials, "credentials", "", "of the bucket: auto, env, file or role")
	f.StringVar(&tier.Profile, "profile", "", "of the credentials file")
	f.StringVar(&at, "at", "", "the catalog as it was at `TIME`")
	f.StringVar(&a.keyFile, "key-file", "", "`FILE` that opens an encrypted tier: a key file, or an exported key")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// tierToRecover returns the tier that the flags mean.
func tierToRecover(from, like string, t config.Tier) (_ config.Tier, e config.Encryption, _ error) {
	switch {
	case (from == "") == (like == ""):
		return t, e, errors.New("recover: give the tier with --from, or an rdfs.yaml with --like")
	case like != "":
		text, err := os.ReadFile(like)
		if err != nil {
			return t, e, err
		}
		c, err := config.Parse(like, text)
		if err != nil {
			return t, e, err
		}
		t, e = c.Tiers[0], c.Encryption
		if t.Kind == config.KindDir && !filepath.IsAbs(t.Path) {
			return t, e, fmt.Errorf("%s: the tier %s is a directory in the lost repository: give it with --from", like, t.Name)
		}
		return t, e, nil
	}
	bucket, ok := strings.CutPrefix(from, "s3://")
	if !ok {
		path, err := filepath.Abs(from)
		return config.Tier{Name: "local", Kind: config.KindDir, Path: path}, e, err
	}
	t.Name, t.Kind = "cloud", config.KindS3
	t.Bucket, t.Prefix, _ = strings.Cut(strings.TrimSuffix(bucket, "/"), "/")
	if t.Endpoint == "" {
		return t, e, errors.New("recover: a bucket needs --endpoint https://HOST")
	}
	return t, e, nil
}

// owner returns the id of the repository whose tier it is.
func owner(ctx context.Context, t config.Tier) (string, error) {
	if t.Kind == config.KindDir {
		return dir.Owner(t.Path, dir.Options{})
	}
	return s3.Owner(ctx, bucketOptions(t, ""))
}

// recoverRepository makes a repository in repo. As always, rdfs.yaml comes last.
func (a *app) recoverRepository(ctx context.Context, t config.Tier, e config.Encryption, at time.Time, repo string) (res ship.Recovered, err error) {
	if err := a.roomForRepository(repo); err != nil {
		return res, err
	}
	id, err := owner(ctx, t)
	if err != nil {
		return res, err
	}
	o := openOptions{Dir: repo, Config: &config.Config{ID: id, Tiers: []config.Tier{t}}, Now: a.now, Logger: slog.New(slog.DiscardHandler)}
	store, err := openStore(ctx, t, o, false)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	k, err := a.recoverKeys(ctx, store, id, repo, e)
	if err != nil {
		return res, err
	}
	copies, ring := catalogStore(store, k)
	c, err := recoveredConfig(ctx, copies, id, t, k != nil)
	if err != nil {
		return res, err
	}
	if err := disk.MkdirAll(disk.OS, repo, 0o755); err != nil {
		return res, err
	}
	if err := makeDirs(repo); err != nil {
		return res, err
	}
	lock, err := control.Acquire(repo, control.Holder{PID: os.Getpid(), Command: commandLine(), Since: a.now()})
	if err != nil {
		return res, err
	}
	defer lock.Release()
	if res, err = a.recoverCatalog(ctx, copies, ring, id, at, repo); err != nil {
		return res, err
	}
	if k != nil {
		if err := os.Rename(filepath.Join(repo, recoveringKeys), keysPath(repo)); err != nil {
			return res, err
		}
	}
	return res, disk.WriteFile(disk.OS, filepath.Join(repo, config.FileName), bytes.NewReader(c), 0o644)
}

// recoverKeys opens the keys in a tier, and puts them beside the repository that is made;
// nil when the tier is not encrypted.
func (a *app) recoverKeys(ctx context.Context, store tiers.Store, id, repo string, e config.Encryption) (*keys.Keys, error) {
	encrypted, err := keys.InTier(ctx, store)
	if err != nil {
		return nil, err
	}
	if !encrypted && a.keyFile == "" {
		return nil, nil
	}
	s, err := a.secretOf("the lost repository", e)(ctx)
	if err != nil {
		return nil, err
	}
	k, err := keys.Open(ctx, keys.Options{Dir: filepath.Join(repo, recoveringKeys), Repository: id, Now: a.now}, store, s)
	switch {
	case errors.Is(err, keys.ErrWrongKey):
		return nil, failf(exitPermission, "%w", err)
	case errors.Is(err, keys.ErrNoKeys):
		return nil, failf(exitNotFound, "the tier holds no keys: it is not encrypted, or they were removed, and then an exported key (--key-file) is needed")
	}
	return k, err
}

// recoverCatalog makes REPO/catalog.
func (a *app) recoverCatalog(ctx context.Context, store tiers.Store, ring *crypt.Ring, id string, at time.Time, repo string) (ship.Recovered, error) {
	work := filepath.Join(repo, recovering)
	if err := os.RemoveAll(work); err != nil { // of an attempt that was cut short
		return ship.Recovered{}, err
	}
	if err := os.Mkdir(work, 0o700); err != nil {
		return ship.Recovered{}, err
	}
	file := filepath.Join(work, "catalog.db")
	m := a.meter()
	res, err := ship.Recover(ctx, store, ring, id, at,
		func(from io.Reader) error { return disk.WriteFile(disk.OS, file, from, 0o600) },
		func() (kv.Engine, error) { return kv.OpenBolt(file, kv.BoltOptions{}) },
		func(done, total int64) {
			m.report(volume.Progress{Phase: "recovering the catalog", Done: done, Total: total, Unit: "bytes"})
		})
	m.done()
	if err != nil {
		if errors.Is(err, ship.ErrNoCopy) {
			err = failf(exitNotFound, "%w", err)
		}
		return res, errors.Join(err, os.RemoveAll(work))
	}
	if err := os.Remove(filepath.Join(repo, "catalog")); err != nil { // it is empty
		return res, err
	}
	if err := os.Rename(work, filepath.Join(repo, "catalog")); err != nil {
		return res, err
	}
	return res, disk.OS.SyncDir(repo)
}

// recoveredConfig returns the rdfs.yaml of the recovered repository: what was kept with
// the copies. Its tiers stay if the one that it is recovered from is among them.
func recoveredConfig(ctx context.Context, store tiers.Store, id string, t config.Tier, encrypted bool) ([]byte, error) {
	text, err := ship.Config(ctx, store)
	if errors.Is(err, blob.ErrNotFound) {
		domain := config.DomainNone
		if encrypted {
			domain = config.DomainDirectory
		}
		text, err = config.Default(config.DefaultScheme, id, domain)
	}
	if err != nil {
		return nil, err
	}
	const name = "the rdfs.yaml in the tier"
	c, err := config.Parse(name, text)
	if err != nil {
		return nil, err
	}
	all := c.Tiers
	i := slices.IndexFunc(all, t.SamePlace)
	if i < 0 {
		return config.WithTiers(name, text, t)
	}
	t.Name, t.Provider = all[i].Name, all[i].Provider // by which the catalog knows it
	all[i] = t
	return config.WithTiers(name, text, all...)
}
