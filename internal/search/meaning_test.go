package search

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/search/semantic"
	"github.com/rdfs/rdfs/internal/search/synonym"
	"github.com/rdfs/rdfs/internal/search/uselite"
	"github.com/rdfs/rdfs/internal/volume"
)

// model is the one that comes with rdfs, and can be down.
type model struct {
	uselite.Encoder
	down atomic.Bool
}

func (m *model) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	if m.down.Load() {
		return nil, errors.New("the server is down")
	}
	return m.Encoder.Embed(ctx, texts)
}

// means gives a rig a model. What it returns waits until all that the index knows is
// embedded.
func (r *rig) means(m *model) (embedded func()) {
	r.t.Helper()
	table, err := synonym.Parse("", "")
	r.must(err)
	r.must(disk.MkdirAll(disk.OS, r.dir, 0o700))
	var x *semantic.Index
	x, err = semantic.Open(semantic.Options{FS: disk.OS, Path: filepath.Join(r.dir, "vectors"), Model: m, Synonyms: table, Now: time.Now,
		Sweep: func(ctx context.Context, add func(string) error) error { return r.Descriptions(ctx, add) }})
	r.must(err)
	o := r.Search.o
	o.Meaning = x
	r.Search = New(o)
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() { x.Run(ctx); close(ended) }()
	r.t.Cleanup(func() {
		cancel()
		<-ended
		if err := x.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return func() {
		r.t.Helper()
		for st := x.Status(); st.Known < st.Texts; st = x.Status() {
			if r.ctx.Err() != nil {
				r.t.Fatalf("not embedded: %+v", st)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func described(t *testing.T) *rig {
	r := newRig(t)
	r.make("heart/", "heart/a.csv", "heart/b.csv", "brain/", "brain/c.csv", "river.csv", "heart/none.csv")
	r.set("heart/a.csv", "title", "Cardiac electrocardiogram beats per minute")
	r.set("heart/b.csv", "title", "Cardiac electrocardiogram beats per minute")
	r.set("brain/c.csv", "description", "Electroencephalography data from resting participants, in many long words that go on beyond what an index keeps")
	r.set("river.csv", "title", "Water pH and turbidity in the river")
	return r
}

func TestFilesAreFoundByWhatTheyMean(t *testing.T) {
	r := described(t)
	embedded := r.means(&model{})
	r.ready()
	embedded()
	for _, c := range []struct {
		query string
		req   Request
		want  string
	}{
		{"heart rate", Request{}, ""},
		{"heart rate", Request{Mode: "semantic"}, "heart/a.csv heart/b.csv"},
		{"EEG recording", Request{Mode: "semantic"}, "brain/c.csv heart/a.csv heart/b.csv"},
		{"EEG recording", Request{Mode: "hybrid"}, "brain/c.csv heart/a.csv heart/b.csv"},
		{"turbidity", Request{Mode: "hybrid"}, "river.csv"},
		{`similar:"heart rate" name:b.csv`, Request{}, "heart/b.csv"},
		{"heart rate path:brain/**", Request{Mode: "semantic"}, ""},
	} {
		if got := r.finds(c.query, c.req); got != c.want {
			t.Errorf("%s, %+v: %q, want %q", c.query, c.req, got, c.want)
		}
	}

	// Nobody finds by meaning what they may not see.
	r.must(func() error {
		m := uint32(0o700)
		_, err := r.vol.Setattr(r.ctx, r.at("heart"), volume.SetAttr{Mode: &m}, volume.Caller{})
		return err
	}())
	r.ready()
	if got := r.finds("heart rate", Request{Mode: "semantic", Requester: volume.Requester{UID: 1000, GID: 1000}}); got != "" {
		t.Errorf("another user finds %q", got)
	}

	// A description that changes has another meaning.
	r.set("river.csv", "title", "heart rate of anglers")
	r.ready()
	embedded()
	if got := r.finds("pulse", Request{Mode: "semantic"}); !strings.Contains(got, "river.csv") {
		t.Errorf("%q", got)
	}
}

func TestModelThatIsDownLeavesTheWords(t *testing.T) {
	r := described(t)
	m := &model{}
	embedded := r.means(m)
	r.ready()
	embedded()
	m.down.Store(true)
	res, err := r.Find(r.ctx, Request{Query: "turbidity", Mode: "hybrid", Limit: 9})
	if err != nil || res.Total != 1 || !strings.Contains(res.Warning, "the server is down") {
		t.Errorf("%+v, %v", res, err)
	}
	for _, req := range []Request{{Query: "turbidity", Mode: "semantic"}, {Query: `similar:"turbidity"`}} {
		if _, err := r.Find(r.ctx, req); err == nil || !strings.Contains(err.Error(), "the server is down") {
			t.Errorf("%+v: %v", req, err)
		}
	}
}

func TestDescriptionsThatWereNotEmbeddedAreReadAgain(t *testing.T) {
	r := described(t)
	r.ready()
	embedded := r.means(&model{}) // the index was made by another process, which was killed before it embedded anything
	r.ready()
	r.must(r.write(r.ctx))
	for name := range namesOf(r.x) {
		if name == "" {
			t.Error("a file without description has a name")
		}
	}
	embedded()
	r.again()
	r.ready()
	if got := r.finds("heart rate", Request{Mode: "semantic"}); got != "heart/a.csv heart/b.csv" {
		t.Errorf("%q", got)
	}
	var texts []string
	r.must(r.Descriptions(r.ctx, func(text string) error { texts = append(texts, text); return nil }))
	if len(texts) != 4 {
		t.Errorf("descriptions %q", texts)
	}
	stop := errors.New("stop")
	if err := r.Descriptions(r.ctx, func(string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

func namesOf(x *index.Index) map[string]bool {
	out := map[string]bool{}
	x.Meanings(func(n string) { out[n] = true })
	return out
}

func TestWrongQuestionsAreTold(t *testing.T) {
	r := described(t)
	if _, err := r.Find(r.ctx, Request{Query: "x", Mode: "semantic"}); !errors.Is(err, ErrNotReady) {
		t.Errorf("%v", err)
	}
	r.ready()
	if _, err := r.Find(r.ctx, Request{Query: "x", Mode: "semantic"}); err == nil || !strings.Contains(err.Error(), "search.semantic") {
		t.Errorf("without a model: %v", err)
	}
	r.means(&model{})
	r.ready()
	for says, req := range map[string]Request{
		"want text, semantic or hybrid": {Query: "x", Mode: "vague"},
		"know the present only":         {Query: "x", Mode: "semantic", Versions: true},
		"at most 16":                    {Query: manyQuestions(17)},
		"nothing stands after similar:": {Query: `similar:" "`},
	} {
		if _, err := r.Find(r.ctx, req); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v, want %q", req.Query, err, says)
		}
	}
}

func manyQuestions(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = `similar:"question ` + strings.Repeat("x", i+1) + `"`
	}
	return strings.Join(parts, " OR ")
}
