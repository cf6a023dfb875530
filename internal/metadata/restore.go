package metadata

import (
	"context"
	"fmt"

	"github.com/rdfs/rdfs/catalog"
)

// RestoreRequest asks for the metadata that a file had when one of its versions was
// stored.
type RestoreRequest struct {
	Path   string `json:"path"` // the file whose version it is; it may be deleted
	Seq    uint32 `json:"seq"`
	To     string `json:"to"` // the file that gets the metadata, which may be the same
	DryRun bool   `json:"dry_run,omitempty"`
	Who    Who    `json:"who"`
}

// RestoreMeta gives a file the metadata of a version: fields that the version had not
// are removed. What the schema says today does not matter, since it was said before.
// It is an operation that can be undone.
func (s *Store) RestoreMeta(ctx context.Context, r RestoreRequest) (Result, error) {
	f, err := s.vol.FileAt(r.Path)
	if err != nil {
		return Result{}, err
	}
	ver, err := s.vol.Version(f, catalog.Seq(r.Seq))
	if err != nil {
		return Result{}, fmt.Errorf("%s has no version %d: %w", r.Path, r.Seq, err)
	}
	attrs, err := s.vol.VersionAttrs(&ver)
	if err != nil {
		return Result{}, err
	}
	now, err := s.GetMeta(ctx, Query{Paths: []string{r.To}, Who: r.Who})
	if err != nil {
		return Result{}, err
	}
	row := Row{Path: r.To, Set: make(map[string]string)}
	for name, value := range attrs {
		if field, ok := fieldOf(name); ok {
			row.Set[field] = EncodeValue(value)
		}
	}
	for _, v := range now[0].Values {
		if _, kept := row.Set[v.Field]; !kept {
			row.Unset = append(row.Unset, v.Field)
		}
	}
	req := Request{Rows: []Row{row}, Who: r.Who}
	return s.carryOut(ctx, fmt.Sprintf("restore of version %d", r.Seq), r.DryRun, &r.Who,
		func() (*plan, error) { return (&Store{vol: s.vol}).plan(ctx, &req) }, nil)
}
