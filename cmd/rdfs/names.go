package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/naming"
)

func (a *app) namesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "names",
		Short: "Check, explain, suggest and mend names by the drive's naming scheme",
		Long: `Names are checked by the naming scheme in rdfs.yaml: a preset (hierarchical, flat,
by_experiment, bids) or rules of your own; see docs/naming.md. These commands work on a
mounted drive, on a repository (-R), and with --scheme on any directory.`,
	}
	cmd.AddCommand(a.namesCheckCommand(), a.namesRenameCommand(), a.namesSuggestCommand(), a.namesExplainCommand(),
		a.namesLintCommand(), a.namesMatrixCommand())
	return cmd
}

// schemeFlags say which scheme a command goes by.
type schemeFlags struct {
	repo   string
	scheme string
}

func (f *schemeFlags) add(cmd *cobra.Command) {
	repoFlag(cmd, &f.repo)
	cmd.Flags().StringVar(&f.scheme, "scheme", "", "go by this `scheme` instead of the drive's: "+strings.Join(naming.Presets, ", "))
}

// judged is a scheme and the tree that is judged by it.
type judged struct {
	scheme *naming.Scheme
	title  string
	root   string // directory whose names the scheme is about; "" when there is none to look at
	below  string // path from root that was asked for; "" is root itself
}

// find returns the scheme that goes with a path, and where the path is in its tree. A path in a
// mounted drive is judged from the root of the drive, any other one by --scheme or -R from the
// path itself, if it is a directory.
func (a *app) find(arg string, f schemeFlags) (j judged, err error) {
	w, locateErr := a.locate(arg, f.repo)
	if locateErr == nil {
		if f.scheme == "" { // otherwise the drive's own, right or wrong, does not count
			c, err := loadRepository(w.repo)
			if err != nil {
				return j, err
			}
			j.scheme, j.title = c.Naming.Compiled, c.Naming.Title()
		}
		j.below = w.path
		if w.mount != nil {
			j.root = w.mount.Mountpoint
		} else if f.repo != "" {
			j.root = arg // another tree, judged by the repository's scheme
			j.below = ""
		}
	}
	if f.scheme != "" {
		p, err := naming.Preset(f.scheme)
		if err != nil {
			return j, &codedError{exitUsage, err}
		}
		if j.scheme, err = naming.Compile(p); err != nil {
			return j, err
		}
		j.title = f.scheme
		if locateErr != nil || w.mount == nil {
			j.root, j.below = arg, ""
		}
	} else if locateErr != nil {
		return j, fmt.Errorf("%w; --scheme NAME judges any directory by a scheme that comes with rdfs", locateErr)
	}
	return j, nil
}

// asks refuses a scheme without rules.
func (j judged) asks() error {
	if len(j.scheme.Config().Rules) == 0 {
		return failf(exitFailed, "the scheme is free: every name is right. Set naming.scheme in rdfs.yaml, or try one with --scheme")
	}
	return nil
}

// visit is one name of a tree.
type visit struct {
	path string // from the root of the tree
	name string
	kind naming.Kind
	dir  *naming.Dir // that it is in
	// below is the directory that the name becomes, when it is one; fn may replace it
	// by what the name should be, or by nil, and then nothing below is visited.
	below *naming.Dir
}

// walk visits every name below a directory, parents first, and tells the caller each directory's names
// before it visits them. A directory that cannot be read is reported, and left out.
func (a *app) walk(root string, d *naming.Dir, path string, names func([]fs.DirEntry), fn func(*visit) error) error {
	entries, err := os.ReadDir(filepath.Join(root, path))
	if err != nil {
		if path == "" || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		fmt.Fprintf(a.stderr, "rdfs: left out: %v\n", err)
		return nil
	}
	names(entries)
	type todo struct {
		path string
		d    *naming.Dir
	}
	var dirs []todo
	for _, e := range entries {
		v := visit{path: e.Name(), name: e.Name(), kind: kindOf(e.Type()), dir: d}
		if path != "" {
			v.path = path + "/" + e.Name()
		}
		if v.kind == naming.Folder {
			v.below = d.Enter(e.Name())
		}
		if err := fn(&v); err != nil {
			return err
		}
		if v.below != nil {
			dirs = append(dirs, todo{v.path, v.below})
		}
	}
	for _, t := range dirs {
		if err := a.walk(root, t.d, t.path, names, fn); err != nil {
			return err
		}
	}
	return nil
}

func kindOf(m fs.FileMode) naming.Kind {
	switch {
	case m.IsDir():
		return naming.Folder
	case m&fs.ModeSymlink != 0:
		return naming.Symlink
	}
	return naming.File
}

// enter goes down a path.
func enter(s *naming.Scheme, path string) *naming.Dir {
	d := s.Root()
	for _, name := range strings.Split(path, "/") {
		if name != "" {
			d = d.Enter(name)
		}
	}
	return d
}
