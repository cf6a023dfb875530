package control

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/metadata"
	"github.com/rdfs/rdfs/internal/volume"
)

// fakeMetadata remembers who asked.
type fakeMetadata struct {
	who []metadata.Who
	req metadata.Request
}

func (m *fakeMetadata) GetMeta(_ context.Context, q metadata.Query) ([]metadata.File, error) {
	m.who = append(m.who, q.Who)
	return []metadata.File{{Path: q.Paths[0]}}, nil
}

func (m *fakeMetadata) ChangeMeta(_ context.Context, r metadata.Request) (metadata.Result, error) {
	m.who, m.req = append(m.who, r.Who), r
	return metadata.Result{Values: len(r.Rows)}, nil
}

func (m *fakeMetadata) UndoMeta(_ context.Context, r metadata.UndoRequest) (metadata.Result, error) {
	m.who = append(m.who, r.Who)
	return metadata.Result{Op: r.Op}, nil
}

func (m *fakeMetadata) MetaOps(context.Context) ([]metadata.Op, error) {
	return []metadata.Op{{Op: 3}}, nil
}

func (m *fakeMetadata) MetaLog(_ context.Context, p string) ([]metadata.Event, error) {
	return []metadata.Event{{Field: p}}, nil
}

func (m *fakeMetadata) Tags(_ context.Context, q metadata.Query) ([]metadata.Tag, error) {
	m.who = append(m.who, q.Who)
	return []metadata.Tag{{Tag: "t", Files: 1}}, nil
}

func (m *fakeMetadata) RenameTag(_ context.Context, r metadata.RenameTagRequest) (metadata.Result, error) {
	m.who = append(m.who, r.Who)
	return metadata.Result{}, volume.ErrNotExist
}

func (m *fakeMetadata) CheckNames(_ context.Context, q metadata.NamesQuery, _ func(volume.Progress)) (metadata.NamesReport, error) {
	m.who = append(m.who, q.Who)
	return metadata.NamesReport{Wrong: 3}, nil
}

func (m *fakeMetadata) RestoreMeta(_ context.Context, r metadata.RestoreRequest) (metadata.Result, error) {
	m.who = append(m.who, r.Who)
	return metadata.Result{Op: uint64(r.Seq)}, nil
}

func TestMetadataIsChangedAsTheCallerWhateverTheRequestSays(t *testing.T) {
	m := &fakeMetadata{}
	c := serve(t, repoDir(t), Options{Drive: &fakeDrive{Metadata: m}})
	ctx, eve := t.Context(), metadata.Who{UID: 12345, GID: 12345, Groups: []uint32{54321}, Program: "vim"}
	if fs, err := c.GetMeta(ctx, metadata.Query{Paths: []string{"a"}, Who: eve}); err != nil || len(fs) != 1 || fs[0].Path != "a" {
		t.Errorf("get: %+v, %v", fs, err)
	}
	rows := make([]metadata.Row, 20_000) // far more than other requests may bring
	for i := range rows {
		rows[i] = metadata.Row{Path: strings.Repeat("d", 100), Set: map[string]string{"a": "1"}}
	}
	if res, err := c.ChangeMeta(ctx, metadata.Request{Kind: "import", Rows: rows, Who: eve}); err != nil || res.Values != len(rows) {
		t.Errorf("change: %+v, %v", res, err)
	}
	if res, err := c.UndoMeta(ctx, metadata.UndoRequest{Op: 7, Who: eve}); err != nil || res.Op != 7 {
		t.Errorf("undo: %+v, %v", res, err)
	}
	if ops, err := c.MetaOps(ctx); err != nil || len(ops) != 1 || ops[0].Op != 3 {
		t.Errorf("ops: %+v, %v", ops, err)
	}
	if events, err := c.MetaLog(ctx, "a"); err != nil || len(events) != 1 || events[0].Field != "a" {
		t.Errorf("log: %+v, %v", events, err)
	}
	if tags, err := c.Tags(ctx, metadata.Query{Paths: []string{""}, Who: eve}); err != nil || len(tags) != 1 || tags[0].Files != 1 {
		t.Errorf("tags: %+v, %v", tags, err)
	}
	if _, err := c.RenameTag(ctx, metadata.RenameTagRequest{Old: "a", New: "b", Who: eve}); !errors.Is(err, volume.ErrNotExist) {
		t.Errorf("rename: got %v, want ErrNotExist", err)
	}
	if res, err := c.RestoreMeta(ctx, metadata.RestoreRequest{Path: "a", Seq: 4, To: "b", Who: eve}); err != nil || res.Op != 4 {
		t.Errorf("restore: %+v, %v", res, err)
	}
	if r, err := c.CheckNames(ctx, metadata.NamesQuery{Who: eve}, nil); err != nil || r.Wrong != 3 {
		t.Errorf("check names: %+v, %v", r, err)
	}
	if len(m.who) != 7 {
		t.Errorf("%d requests arrived, want 7", len(m.who))
	}
	for _, w := range m.who {
		if w.UID != uint32(os.Getuid()) || w.GID != uint32(os.Getgid()) || slices.Contains(w.Groups, 54321) || w.Program != "rdfs meta" {
			t.Errorf("the request chose who asks: %+v", w)
		}
	}
	if _, err := c.GetMeta(ctx, metadata.Query{Paths: []string{"../x"}}); err == nil || !strings.Contains(err.Error(), "clean path") {
		t.Errorf("outside: got %v", err)
	}
}
