package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/tiers"
)

// tierNamed returns a tier of a repository's configuration, and what opens it.
func (a *app) tierNamed(name, repo string) (t config.Tier, o openOptions, err error) {
	c, err := loadRepository(repo)
	if err != nil {
		return t, o, err
	}
	i := slices.IndexFunc(c.Tiers, func(t config.Tier) bool { return t.Name == name })
	if i < 0 {
		return t, o, failf(exitNotFound, "rdfs.yaml names no tier %q", name)
	}
	return c.Tiers[i], openOptions{Dir: repo, Config: c, Now: a.now, Logger: slog.New(slog.DiscardHandler)}, nil
}

func (a *app) tierTestCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "test NAME [REPO|MNT]",
		Short: "Try all that rdfs asks of a tier",
		Long: `Try all that rdfs asks of a tier, with objects of its own, which it removes: put, get,
range, conditional put, list, delete, how fast it is, and whether its clock is right. Says
what does not work, and for a bucket prints the least policy that rdfs needs.`,
		Args: want(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args[1:]), repo)
			if err != nil {
				return err
			}
			t, o, err := a.tierNamed(args[0], w.repo)
			if err != nil {
				return err
			}
			tried, err := a.tryTier(cmd.Context(), t, o)
			if err != nil {
				return err
			}
			bad := 0
			for _, p := range tried {
				if p.Err != "" {
					bad++
				}
			}
			if asJSON {
				err = printJSON(a.stdout, tried)
			} else {
				err = a.printTried(t, tried, bad)
			}
			if err == nil && bad > 0 {
				err = failf(exitFailed, "tier %s: %d of %d things do not work", t.Name, bad, len(tried))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

// tryTier opens a tier and tries it.
func (a *app) tryTier(ctx context.Context, t config.Tier, o openOptions) (tried []tiers.Probed, err error) {
	store, err := openStore(ctx, t, o, false)
	if err != nil {
		return nil, fmt.Errorf("%w (a new tier: `rdfs tier add %s`)", err, t.Name)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tried = tiers.Probe(ctx, store, a.now)
	return tried, ctx.Err()
}

func (a *app) printTried(t config.Tier, tried []tiers.Probed, bad int) error {
	out := table(a.stdout)
	for _, p := range tried {
		how := "ok"
		if p.Err != "" {
			how = "FAILS: " + oneLine(p.Err, 300)
		} else if p.Note != "" {
			how += ", " + p.Note
		}
		fmt.Fprintf(out, "%s\t%s\n", p.What, how)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if t.Kind == config.KindDir || bad == 0 {
		return nil
	}
	policy, err := leastPolicy(t)
	if err == nil {
		fmt.Fprintf(a.stdout, "\nThe least policy that rdfs needs:\n%s\n", policy)
	}
	return err
}

// leastPolicy is what the credentials of a bucket must be allowed, as the AWS language of
// policies says it. The last three actions are for buckets with versioning.
func leastPolicy(t config.Tier) ([]byte, error) {
	type statement struct {
		Effect   string
		Action   []string
		Resource string
	}
	bucket := "arn:aws:s3:::" + t.Bucket
	below := bucket + "/"
	if prefix := strings.Trim(t.Prefix, "/"); prefix != "" {
		below += prefix + "/"
	}
	return json.MarshalIndent(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{
		{"Allow", []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"}, below + "*"},
		{"Allow", []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning"}, bucket},
	}}, "", "  ")
}
