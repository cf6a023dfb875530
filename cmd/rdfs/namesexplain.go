package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/naming"
)

// explained says what a scheme makes of a path, for programs.
type explained struct {
	Path       string            `json:"path"`
	Class      string            `json:"class"`
	Mode       string            `json:"mode"`
	Accepted   bool              `json:"accepted"`
	Rule       string            `json:"rule,omitempty"`
	Template   []string          `json:"template,omitempty"`
	Fields     map[string]string `json:"fields,omitempty"`
	Problems   []naming.Problem  `json:"problems,omitempty"`
	Suggestion string            `json:"suggestion,omitempty"`
}

func (a *app) namesExplainCommand() *cobra.Command {
	var f schemeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain PATH",
		Short: "Say what the scheme makes of a path, and why",
		Long: `Say what the scheme makes of a path: which rule it follows and the values of its fields, or
everything that is wrong with it and the nearest path that is right. PATH need not exist. It is
a path in a mounted drive, or with -R or --scheme a path from the root of the drive; one that
ends in / is a directory.`,
		Example: "  rdfs names explain --scheme bids sub-01/anat/sub-01_t1w.nii.gz",
		Args:    want(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, path, title, err := a.schemeFor(args[0], f)
			if err != nil {
				return err
			}
			e := explain(s, path)
			if asJSON {
				return printJSON(a.stdout, e)
			}
			a.printExplained(e, title)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// schemeFor returns the scheme for a path that need not exist, and the path from the root of
// the drive.
func (a *app) schemeFor(arg string, f schemeFlags) (s *naming.Scheme, path, title string, err error) {
	folder := strings.HasSuffix(arg, "/")
	if f.scheme != "" || f.repo != "" {
		var j judged
		if f.scheme != "" {
			f.repo = ""
			p, err := naming.Preset(f.scheme)
			if err != nil {
				return nil, "", "", &codedError{exitUsage, err}
			}
			if j.scheme, err = naming.Compile(p); err != nil {
				return nil, "", "", err
			}
			j.title = f.scheme
		} else if j, err = a.find("", f); err != nil {
			return nil, "", "", err
		}
		return j.scheme, strings.TrimPrefix(arg, "/"), j.title, nil
	}
	w, err := a.locate(arg, "")
	if err != nil {
		return nil, "", "", fmt.Errorf("%w; with --scheme or --repo the path is one from the root of the drive", err)
	}
	c, err := loadRepository(w.repo)
	if err != nil {
		return nil, "", "", err
	}
	path = w.path
	if folder && path != "" || isDir(arg) {
		path += "/"
	}
	return c.Naming.Compiled, path, c.Naming.Title(), nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func explain(s *naming.Scheme, path string) explained {
	kind := naming.File
	clean, folder := strings.CutSuffix(path, "/")
	if folder {
		kind = naming.Folder
	}
	d := s.Root()
	names := strings.Split(clean, "/")
	e := explained{Path: path}
	var v naming.Verdict
	refused := false
	for i, name := range names {
		k := naming.Folder
		if i == len(names)-1 {
			k = kind
		}
		v = d.Classify(name, k, nil)
		refused = refused || v.Refused()
		if v.Class == naming.Invalid || v.Class == naming.Virtual {
			break
		}
		d = d.Enter(name)
	}
	e.Class, e.Mode, e.Accepted = v.Class.String(), v.Mode.String(), !refused
	advice := s.Explain(path, kind)
	e.Problems, e.Suggestion = advice.Problems, advice.Suggest
	rule := v.Rule
	if rule == nil {
		rule = advice.Rule
	}
	if rule != nil {
		e.Rule, e.Template = rule.ID, rule.Paths
	}
	if m, err := s.Parse(path); err == nil {
		e.Fields = m.Values
	} else if v.Class == naming.Valid || v.Class == naming.Bundle {
		e.Fields = d.Values()
	}
	return e
}

func (a *app) printExplained(e explained, title string) {
	t := table(a.stdout)
	fmt.Fprintf(t, "path\t%s\n", e.Path)
	fmt.Fprintf(t, "scheme\t%s, mode %s\n", title, e.Mode)
	verdict := "accepted"
	if !e.Accepted {
		verdict = "refused"
	}
	fmt.Fprintf(t, "name\t%s: %s\n", e.Class, verdict)
	if len(e.Problems) > 0 && e.Rule != "" {
		fmt.Fprintf(t, "nearest rule\t%s\n", e.Rule)
	} else if e.Rule != "" {
		fmt.Fprintf(t, "rule\t%s\n", e.Rule)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		if name[0] > '9' { // alternatives have numbers
			fmt.Fprintf(t, "  %s\t%s\n", name, e.Fields[name])
		}
	}
	t.Flush()
	for _, p := range e.Problems {
		fmt.Fprintf(a.stdout, "- %s\n", oneLine(p.String(), 1000))
	}
	if e.Suggestion != "" {
		fmt.Fprintf(a.stdout, "nearest right path: %s\n", e.Suggestion)
	}
}

func (a *app) namesSuggestCommand() *cobra.Command {
	var f schemeFlags
	var asJSON bool
	type suggested struct {
		Rule     string           `json:"rule"`
		Path     string           `json:"path"`
		Missing  []string         `json:"missing"`
		Problems []naming.Problem `json:"problems"`
	}
	cmd := &cobra.Command{
		Use:   "suggest FIELD=VALUE ...",
		Short: "Make a path from values",
		Long: `Print the paths that have the given values, by each rule that has a place for all of them.
A value that is not quite right is mended. What is missing stays as {field}, and is explained.`,
		Example: "  rdfs names suggest experiment_id=EXP0042 subject_id=sub-01 data_type=eeg",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			values := map[string]string{}
			for _, arg := range args {
				name, value, ok := strings.Cut(arg, "=")
				if !ok || name == "" || value == "" {
					return failf(exitUsage, "%q: want FIELD=VALUE", arg)
				}
				values[name] = value
			}
			j, err := a.find("", f)
			if err == nil {
				err = j.asks()
			}
			if err != nil {
				return err
			}
			list, err := j.scheme.Suggest(values)
			if err != nil {
				return err
			}
			if asJSON {
				out := []suggested{}
				for _, s := range list {
					out = append(out, suggested{s.Rule.ID, s.Path, append([]string{}, s.Missing...), append([]naming.Problem{}, s.Problems...)})
				}
				return printJSON(a.stdout, out)
			}
			for _, s := range list {
				fmt.Fprintln(a.stdout, s.Path)
				for _, p := range s.Problems {
					fmt.Fprintf(a.stdout, "  %s\n", p)
				}
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) namesLintCommand() *cobra.Command {
	var f schemeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Look for rules that are probably not meant",
		Long: `Look for rules that can never apply, pairs of rules that match the same path, fields whose
examples do not match, and fields that no rule has. Exit status 1 when something is found.`,
		Args: want(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			j, err := a.find(first(args), f)
			if err == nil {
				err = j.asks()
			}
			if err != nil {
				return err
			}
			findings := j.scheme.Lint()
			if asJSON {
				return printJSON(a.stdout, append([]naming.Finding{}, findings...))
			}
			for _, x := range findings {
				if x.Rule != "" {
					fmt.Fprintf(a.stdout, "rule %s: ", x.Rule)
				}
				fmt.Fprintln(a.stdout, x.Text)
			}
			if len(findings) > 0 {
				return failf(exitFailed, "%s", plural(len(findings), "finding"))
			}
			fmt.Fprintf(a.stdout, "%s: nothing found\n", plural(len(j.scheme.Config().Rules), "rule"))
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
