package metadata

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/rdfs/rdfs/internal/volume"
)

// changeTags adds and removes tags, and leaves the order of the others.
func changeTags(tags, add, remove []string) []string {
	tags = slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return slices.Contains(remove, t) })
	for _, t := range add {
		if !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// Tag is a tag that is in use.
type Tag struct {
	Tag   string `json:"tag"`
	Files int    `json:"files"` // and directories that have it themselves
}

// Tags returns the tags in use at and below the paths of a query, in order.
func (s *Store) Tags(ctx context.Context, q Query) ([]Tag, error) {
	q.Recursive, q.Resolved, q.All, q.Missing = true, false, false, false
	files, err := s.GetMeta(ctx, q)
	if err != nil {
		return nil, err
	}
	count := make(map[string]int)
	for _, f := range files {
		for _, t := range tagsOf(&f) {
			count[t]++
		}
	}
	out := []Tag{}
	for t, n := range count {
		out = append(out, Tag{t, n})
	}
	slices.SortFunc(out, func(a, b Tag) int { return cmp.Compare(a.Tag, b.Tag) })
	return out, nil
}

func tagsOf(f *File) []string {
	for _, v := range f.Values {
		if v.Field == tagsField {
			return SplitTags(v.Value)
		}
	}
	return nil
}

// RenameTagRequest asks to give a tag another name at and below a path.
type RenameTagRequest struct {
	Old    string `json:"old"`
	New    string `json:"new"`
	Path   string `json:"path"`
	DryRun bool   `json:"dry_run,omitempty"`
	Who    Who    `json:"who"`
}

// RenameTag gives a tag another name, in its place among the others. Where a file has
// both, they become one.
func (s *Store) RenameTag(ctx context.Context, r RenameTagRequest) (Result, error) {
	if why := wrongTag(r.New); why != "" {
		return Result{}, fmt.Errorf("tag %q: %s: %w", r.New, why, volume.ErrInvalid)
	}
	files, err := s.GetMeta(ctx, Query{Paths: []string{r.Path}, Recursive: true, Who: r.Who})
	if err != nil {
		return Result{}, err
	}
	req := Request{Kind: "rename tag", DryRun: r.DryRun, Who: r.Who}
	for _, f := range files {
		tags := tagsOf(&f)
		k := slices.Index(tags, r.Old)
		if k < 0 {
			continue
		}
		tags[k] = r.New
		req.Rows = append(req.Rows, Row{Path: f.Path, Set: map[string]string{tagsField: EncodeValue([]byte(JoinTags(SplitTags(JoinTags(tags)))))}})
	}
	if len(req.Rows) == 0 {
		return Result{}, fmt.Errorf("no file has the tag %q: %w", r.Old, volume.ErrNotExist)
	}
	return s.ChangeMeta(ctx, req)
}
