package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) scrubCommand() *cobra.Command {
	var asJSON bool
	var repo, rate, older string
	cmd := &cobra.Command{
		Use:   "scrub [--rate SIZE] [--older-than TIME] [REPO|MNT]",
		Short: "Read every copy of everything, and repair what is damaged",
		Long: `Read every copy of everything in every tier, and make anew what is damaged from another
copy. A copy that is good is never touched, and one that is damaged stays where it is
while there is no good one.

The drive may be in use. When a file was last read and found right, user.rdfs.verified
tells.`,
		Example: "  rdfs scrub --rate 50MB --older-than 90d ~/data.rdfs",
		Args:    want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var req volume.ScrubRequest
			if rate != "" {
				if req.Rate, err = config.ParseSize(strings.TrimSuffix(rate, "/s")); err != nil {
					return failf(exitUsage, "scrub: --rate: %w", err)
				}
			}
			if older != "" {
				if req.OlderThan, err = config.ParseDuration(older); err != nil {
					return failf(exitUsage, "scrub: --older-than: %w", err)
				}
			}
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				m := a.meter()
				res, err := d.Scrub(cmd.Context(), req, m.report)
				m.done()
				if err != nil {
					return err
				}
				if asJSON {
					if err := printJSON(a.stdout, res); err != nil {
						return err
					}
				} else {
					a.printScrub(res)
				}
				if bad := res.Bad - res.Repaired; bad > 0 {
					return failf(exitDamaged, "scrub: of the damaged copies %d could not be repaired", bad)
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&rate, "rate", "", "read so many bytes a second at most: `SIZE`, e.g. 50MB")
	f.StringVar(&older, "older-than", "", "pass over what was read less than this `TIME` ago, e.g. 90d")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printScrub(res volume.ScrubResult) {
	for _, f := range res.Findings {
		fmt.Fprintf(a.stdout, "%s: %s: %s\n  %s\n", f.Severity, f.Object, f.Problem, f.Fix)
	}
	fmt.Fprintf(a.stdout, "%s read (%s), %d passed over; copies: %d bad, %d of them repaired, %d not asked\n",
		plural(res.Packs, "pack"), size(res.Bytes), res.Passed, res.Bad, res.Repaired, res.Unknown)
}
