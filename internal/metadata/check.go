package metadata

import (
	"context"
	"path"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
	"github.com/rdfs/rdfs/internal/volume"
)

// NamesQuery asks which files at and below a path do not keep to the rules that hold now.
type NamesQuery struct {
	Path  string `json:"path"`            // relative to the root of the drive
	Limit int    `json:"limit,omitempty"` // of the findings; what is beyond it is only counted
	Who   Who    `json:"who"`
}

// NamesReport says which do not.
type NamesReport struct {
	Names      int  `json:"names"`      // that were looked at
	Wrong      int  `json:"wrong"`      // names that do not follow the naming scheme
	Below      int  `json:"below"`      // names below a directory with a wrong name, which are not judged
	Incomplete int  `json:"incomplete"` // files that lack metadata
	Checked    bool `json:"checked"`    // false: there is no scheme, or its mode is off

	Findings []NamesFinding `json:"findings"`
}

// NamesFinding is one file or directory.
type NamesFinding struct {
	Path       string           `json:"path"`
	Dir        bool             `json:"dir,omitempty"`
	Problems   []naming.Problem `json:"problems,omitempty"`   // of the name
	Suggestion string           `json:"suggestion,omitempty"` // the nearest right path
	Missing    []string         `json:"missing,omitempty"`    // fields that it must have
}

// CheckNames goes through the names that Who may list.
func (s *Store) CheckNames(ctx context.Context, q NamesQuery, progress func(volume.Progress)) (NamesReport, error) {
	r := NamesReport{Checked: s.vol.ChecksNames(), Findings: []NamesFinding{}}
	levels, i, err := s.levels(q.Path)
	if err != nil {
		return r, err
	}
	node, err := s.vol.Getattr(i)
	if err != nil {
		return r, err
	}
	w := walk{s: s, ctx: ctx, who: q.Who.identity(), levels: levels, every: true}
	dirs := []catalog.Inode{} // above the name that is visited
	if i != catalog.Root {
		parent, _, err := s.vol.Resolve(path.Dir("/" + levels[len(levels)-1].path))
		if err != nil {
			return r, err
		}
		dirs = make([]catalog.Inode, len(levels)-1)
		dirs[len(dirs)-1] = parent
	}
	wrongAt := 0 // levels of the directory with a wrong name that the visit is in; 0: none
	w.visit = func(i catalog.Inode, row *catalog.Node) {
		depth := len(w.levels)
		if depth <= wrongAt {
			wrongAt = 0
		}
		if depth == 1 {
			dirs = append(dirs, i)
			return
		}
		at := w.levels[depth-1].path
		if r.Names++; r.Names%1000 == 0 && progress != nil {
			progress(volume.Progress{Phase: "checking names", Done: int64(r.Names), Unit: "names", Item: at})
		}
		f := NamesFinding{Path: at, Dir: row.IsDir(), Missing: s.missing(w.levels, row)}
		if wrongAt > 0 {
			r.Below++
		} else if a := s.vol.WrongName(dirs[depth-2], path.Base(at), row.Mode); a != nil {
			r.Wrong++
			f.Problems = a.Problems
			if a.Suggest != "" {
				f.Suggestion = path.Join(path.Dir(at), a.Suggest)
			}
			if row.IsDir() {
				wrongAt = depth
			}
		}
		if len(f.Missing) > 0 {
			r.Incomplete++
		}
		if len(f.Problems)+len(f.Missing) > 0 && len(r.Findings) < q.Limit {
			r.Findings = append(r.Findings, f)
		}
		if row.IsDir() {
			dirs = append(dirs[:depth-1], i)
		}
	}
	w.visit(i, &node.Node)
	if node.IsDir() {
		err = w.below(i, &node.Node)
	}
	return r, err
}
