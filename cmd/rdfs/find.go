package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/search"
	"github.com/rdfs/rdfs/internal/volume"
)

// findFlags are the options of rdfs find.
type findFlags struct {
	repo, at              string
	asJSON, asCSV, paths0 bool
	count, reindex        bool
	facets, sort          []string
	req                   search.Request
}

func (a *app) findCommand() *cobra.Command {
	var f findFlags
	cmd := &cobra.Command{
		Use:   "find QUERY [PATH]",
		Short: "Find files by what they are: metadata, tags, names, times, contents' formats",
		Long: `Find files by what is known of them, in the whole drive, or at and below PATH:
  hippocampus eeg            both words, anywhere        "resting state"   a phrase
  tag:pilot                  a field                     recordng~ hippo*  inexact, beginnings
  quality_score:>=0.8        numbers, dates, sizes       modified:>-7d     relative times
  temperature:[4degC TO 10degC]  ranges, with units      has:F missing:F   any value, or none
  path:EXP0042/**/*.edf      the path                    AND OR NOT ( )    AND may be left out
Files that you may not list or read are not found. See docs/search.md for all of it.

` + whenHelp,
		Example: `  rdfs find 'subject_id:sub-01 AND quality_score:>=0.8 AND NOT tag:pilot'
  rdfs find 'format:csv rows:>1000' research/EXP0042 --sort rows:desc --limit 10
  rdfs find --facet data_type,researcher --count 'created:2025'
  rdfs find --paths0 'tag:clean' | xargs -0 ls -l
  rdfs find --at before-cleanup tag:raw`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.reindex {
				return want(0, 1)(cmd, args)
			}
			return want(1, 2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if f.reindex {
				args = append([]string{""}, args...)
			}
			path := ""
			if len(args) == 2 {
				path = args[1]
			}
			w, err := a.locate(path, f.repo)
			if err != nil {
				return err
			}
			f.req.Query, f.req.Requester = args[0], me()
			f.req.Groups = who().Groups
			if path != "" {
				f.req.Under = w.path
			}
			if f.at != "" {
				if f.req.At, err = a.when(f.at); err != nil {
					return err
				}
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				if f.reindex {
					files, err := d.Reindex(cmd.Context())
					if err == nil {
						fmt.Fprintf(a.stdout, "%s can be found\n", plural(files, "file"))
					}
					return err
				}
				return a.findFiles(cmd.Context(), d, w, &f)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.facets, "facet", nil, "count the values of `FIELD[,FIELD]` among all that is found")
	fl.StringSliceVar(&f.sort, "sort", nil, "sort by `FIELD[:desc][,FIELD]`; score is one, too. By default: score, then modified:desc")
	fl.IntVar(&f.req.Limit, "limit", 100, "show at most `N` files; 0: all")
	fl.StringVar(&f.req.After, "cursor", "", "show what comes behind `CURSOR`, which the search before has told")
	fl.BoolVar(&f.count, "count", false, "print only how many files there are")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	fl.BoolVar(&f.asCSV, "csv", false, "print CSV, a column for each field")
	fl.BoolVar(&f.paths0, "paths0", false, "print all paths, each ended by a NUL byte, for xargs -0")
	fl.BoolVar(&f.req.Explain, "explain", false, "say how scores came about")
	fl.BoolVar(&f.req.Any, "any", false, "the free words of the query need not all be there; the more, the earlier")
	fl.StringVar(&f.req.Mode, "mode", "text", "`MODE`: look for free words by their letters (text), by what they mean (semantic), or both (hybrid)")
	fl.StringVar(&f.at, "at", "", "search the drive as it was at `TIME`")
	fl.BoolVar(&f.req.Versions, "versions", false, "search all versions of the files, each by itself")
	fl.BoolVar(&f.reindex, "reindex", false, "make the index anew from the catalog; for the owner of the repository and for root")
	cmd.MarkFlagsMutuallyExclusive("count", "json", "csv", "paths0")
	repoFlag(cmd, &f.repo)
	return cmd
}

// findFiles searches, and prints what is found.
func (a *app) findFiles(ctx context.Context, d control.Drive, w where, f *findFlags) error {
	req := f.req
	req.Facets, req.Sort = f.facets, f.sort
	all := f.paths0 || req.Limit == 0
	switch {
	case req.Limit < 0:
		return failf(exitUsage, "--limit %d: want a number of files, or 0 for all", req.Limit)
	case f.count:
		req.Limit = 0
	case all:
		req.Limit = search.MaxLimit
	}
	res, err := d.Find(ctx, req)
	for more := res.Next; err == nil && all && !f.count && more != ""; {
		var next search.Result
		req.After, req.Facets = more, nil
		if next, err = d.Find(ctx, req); err == nil {
			res.Hits, more = append(res.Hits, next.Hits...), next.Next
		}
		res.Next = more
	}
	if errors.Is(err, volume.ErrInvalid) {
		return &codedError{exitUsage, err}
	}
	if err != nil {
		return err
	}
	if res.Warning != "" {
		fmt.Fprintln(a.stderr, "rdfs:", res.Warning)
	}
	if res.Stale {
		fmt.Fprintln(a.stderr, "rdfs: the index is being made anew; this may not be all, or not the newest")
	}
	switch {
	case f.asJSON:
		return printJSON(a.stdout, res)
	case f.asCSV:
		return a.findCSV(&res)
	case f.paths0:
		out := bufio.NewWriter(a.stdout)
		for _, h := range res.Hits {
			out.WriteString(w.full(h.Path) + "\x00")
		}
		return out.Flush()
	case f.count:
		fmt.Fprintln(a.stdout, res.Total)
	}
	for _, h := range res.Hits {
		line := oneLine(w.full(h.Path), 4096)
		if req.Versions {
			line += "  version " + strings.Join(h.Fields["version"], ",")
		}
		if req.Explain {
			line += fmt.Sprintf("  score %.3f", h.Score)
		}
		fmt.Fprintln(a.stdout, line)
		for _, why := range h.Why {
			in := ""
			if why.Field != "" {
				in = " in " + why.Field
			}
			fmt.Fprintf(a.stdout, "    %.3f  %s%s: %s\n", why.Score, why.Term, in, oneLine(why.Value, 100))
		}
	}
	a.printFacets(&res)
	if res.Next != "" {
		fmt.Fprintf(a.stderr, "rdfs: %d of %s; the next: --cursor %s\n", len(res.Hits), plural(res.Total, "file"), res.Next)
	}
	return nil
}

// full returns a path as programs use it: in the mount, if the drive was found by one.
func (w *where) full(path string) string {
	if w.mount == nil {
		return path
	}
	if rest, ok := strings.CutPrefix(path, w.mount.Root); ok && w.mount.Root != "" {
		path = strings.TrimPrefix(rest, "/")
	}
	return filepath.Join(w.mount.Mountpoint, path)
}

func (a *app) printFacets(res *search.Result) {
	for _, f := range res.Facets {
		fmt.Fprintf(a.stdout, "%s:\n", f.Field)
		t := table(a.stdout)
		for _, v := range f.Values {
			fmt.Fprintf(t, "  %d\t%s\n", v.Files, oneLine(v.Value, 100))
		}
		if f.Others > 0 {
			fmt.Fprintf(t, "  \tand %s\n", plural(f.Others, "other value"))
		}
		if f.Missing > 0 {
			fmt.Fprintf(t, "  %d\twithout a value\n", f.Missing)
		}
		t.Flush()
	}
}

// findCSV prints a row for each file, with a column for each field that one has.
func (a *app) findCSV(res *search.Result) error {
	fields := make(map[string]bool)
	for _, h := range res.Hits {
		for name := range h.Fields {
			fields[name] = true
		}
	}
	names := slices.Sorted(maps.Keys(fields))
	out := csv.NewWriter(a.stdout)
	out.Write(append([]string{"path", "size", "modified", "created", "score"}, names...))
	for _, h := range res.Hits {
		row := []string{h.Path, strconv.FormatInt(h.Size, 10), h.Modified.Format(time.RFC3339Nano), h.Created.Format(time.RFC3339Nano),
			strconv.FormatFloat(h.Score, 'g', 6, 64)}
		for _, name := range names {
			row = append(row, strings.Join(h.Fields[name], ","))
		}
		out.Write(row)
	}
	out.Flush()
	return out.Error()
}
