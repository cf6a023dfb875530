package semantic

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/search/synonym"
	"github.com/rdfs/rdfs/internal/search/vectors"
)

// letters is a model: how often each letter occurs. Set fail to have it fail.
type letters struct {
	mu    sync.Mutex
	calls int
	texts []string
	fail  func(texts []string) error
	dim   int // of the vectors it gives; 0: Dim
}

func (*letters) ID() string         { return "letters" }
func (*letters) Dim() int           { return 26 }
func (*letters) Threshold() float32 { return 0.8 }

func (l *letters) Embed(_ context.Context, texts []string) ([][]float32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.fail != nil {
		if err := l.fail(texts); err != nil {
			return nil, err
		}
	}
	l.texts = append(l.texts, texts...)
	var out [][]float32
	for _, text := range texts {
		v := make([]float32, 26)
		for _, r := range text {
			if r >= 'a' && r <= 'z' {
				v[r-'a']++
			}
		}
		if l.dim > 0 {
			v = v[:l.dim]
		}
		out = append(out, v)
	}
	return out, nil
}

func (l *letters) set(fail func([]string) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = fail
}

func (l *letters) embedded() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.texts...)
}

// open opens an index and runs it until the test ends. It is for a synctest bubble.
func open(t *testing.T, o Options) *Index {
	t.Helper()
	if o.FS == nil {
		o.FS = disk.OS
	}
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "vectors.bin")
	}
	o.Now = time.Now
	x, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { x.Run(ctx); close(done) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func find(t *testing.T, x *Index, text string) []Hit {
	t.Helper()
	q, err := x.Ask(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := q.Nearest(10, nil)
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

func TestTextsAreEmbeddedOnceAndFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &letters{}
		path := filepath.Join(t.TempDir(), "v")
		x := open(t, Options{Model: m, Path: path})
		sleep, memory := x.Add("sleep study"), x.Add("memory test")
		for range 1000 {
			if x.Add(" sleep study\n") != sleep {
				t.Fatal("the same text has another name")
			}
		}
		if x.Add("") != "" || x.Add(" \n") != "" {
			t.Error("no text has a name")
		}
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := m.embedded(); len(got) != 2 {
			t.Errorf("embedded %q, want two texts", got)
		}
		if hits := find(t, x, "sleepy student"); len(hits) != 1 || hits[0].Name != sleep || hits[0].Asked != "sleepy student" {
			t.Errorf("%+v", hits)
		}
		if st := x.Status(); st.Texts != 2 || st.Known != 2 || st.Waiting != 0 || st.Err != nil {
			t.Errorf("%+v", st)
		}
		q, err := x.Ask(t.Context(), "sleepy student")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			among []Name
			want  int
		}{{[]Name{sleep, memory}, 1}, {[]Name{memory, "", "no name"}, 0}, {[]Name{}, 0}} {
			if hits, err := q.Nearest(10, c.among); err != nil || len(hits) != c.want {
				t.Errorf("among %q: %+v, %v", c.among, hits, err)
			}
		}
	})
}

func TestTextsThatWereNotEmbeddedBeforeAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &letters{}
		texts := []string{"sleep study", "memory test"}
		sweeps := 0
		x := open(t, Options{Model: m, Sweep: func(_ context.Context, add func(string) error) error {
			sweeps++
			return errors.Join(add(texts[0]), add(texts[1]))
		}})
		x.Add(texts[0])
		time.Sleep(time.Second)
		x.Expect(nameOf(vectors.IDOf(texts[0])))
		x.Expect("")
		x.Expect("no name")
		synctest.Wait()
		if sweeps != 0 {
			t.Error("what is known was asked for")
		}
		x.Expect(nameOf(vectors.IDOf(texts[1])))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := m.embedded(); sweeps != 1 || len(got) != 2 {
			t.Errorf("%d sweeps, embedded %q", sweeps, got)
		}
	})
}

func TestEmbeddingGoesOnAfterOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	for i, want := range []int{3, 1, 0} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &letters{}
				x := open(t, Options{Model: m, Path: path})
				for _, text := range []string{"one", "two", "three", "four"}[:min(3+i, 4)] {
					x.Add(text)
				}
				synctest.Wait()
				if got := m.embedded(); len(got) != want {
					t.Errorf("embedded %q, want %d texts", got, want)
				}
			})
		})
	}
}

func TestModelThatIsDownIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &letters{fail: func([]string) error { return errors.New("connection refused") }}
		x := open(t, Options{Model: m})
		name := x.Add("sleep study")
		time.Sleep(24 * time.Hour)
		if st := x.Status(); st.Err == nil || st.Waiting != 1 || st.Known != 0 {
			t.Errorf("%+v", st)
		}
		if m.calls < 10 || m.calls > 400 {
			t.Errorf("%d tries in a day", m.calls)
		}
		if _, err := x.Ask(t.Context(), "sleep"); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("Ask: %v", err)
		}
		m.set(nil)
		time.Sleep(longWait + time.Second)
		synctest.Wait()
		if st := x.Status(); st.Err != nil || st.Waiting != 0 || st.Known != 1 {
			t.Errorf("%+v", st)
		}
		if hits := find(t, x, "sleep study"); len(hits) != 1 || hits[0].Name != name {
			t.Errorf("%+v", hits)
		}
	})
}

func TestTextThatIsRefusedDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &letters{fail: func(texts []string) error {
			for _, text := range texts {
				if text == "bad" {
					return fmt.Errorf("400: %w", ErrText)
				}
			}
			return nil
		}}
		x := open(t, Options{Model: m})
		for _, text := range []string{"one", "bad", "three"} {
			x.Add(text)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := x.Status(); st.Known != 3 || st.Refused != 1 || st.Waiting != 0 || st.Err != nil {
			t.Errorf("%+v", st)
		}
		if hits := find(t, x, "one"); len(hits) != 1 {
			t.Errorf("%+v", hits)
		}
	})
}

func TestAnotherDimensionIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &letters{dim: 20}
		x := open(t, Options{Model: m})
		x.Add("one")
		time.Sleep(time.Minute)
		if st := x.Status(); !errors.Is(st.Err, vectors.ErrDimension) || st.Known != 0 {
			t.Errorf("%+v", st)
		}
		if _, err := x.Ask(t.Context(), "one"); !errors.Is(err, vectors.ErrDimension) {
			t.Errorf("Ask: %v", err)
		}
	})
}

func TestTextsWithoutRoomAreSweptUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &letters{}
		const room = 40
		texts := make([]string, 300)
		for i := range texts {
			texts[i] = strings.Repeat(fmt.Sprintf("text %d ", i), 200)[:1000]
		}
		sweeps := 0
		var x *Index
		x = open(t, Options{Model: m, QueueBytes: room * (1000 + textOverhead), Sweep: func(ctx context.Context, add func(string) error) error {
			sweeps++
			if sweeps == 1 {
				return errors.New("the catalog cannot be read now")
			}
			for _, text := range texts {
				if x.Status().Waiting > room+batch {
					t.Fatal("more waits than there is room for")
				}
				if err := add(text); err != nil {
					return err
				}
			}
			return nil
		}})
		m.mu.Lock() // the model is slow
		for _, text := range texts {
			x.Add(text)
		}
		if st := x.Status(); st.Waiting > room+batch {
			t.Errorf("%d texts wait", st.Waiting)
		}
		m.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		if st := x.Status(); st.Known != len(texts) || st.Waiting != 0 || sweeps != 2 {
			t.Errorf("%d sweeps, %+v, want %d texts", sweeps, st, len(texts))
		}
	})
}

func TestFullDiskIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		full := false
		fsys := disk.NewFaulty(disk.OS, func(op disk.Op, _ string) error {
			mu.Lock()
			defer mu.Unlock()
			if full && op == disk.OpWrite {
				return syscall.ENOSPC
			}
			return nil
		})
		set := func(b bool) { mu.Lock(); full = b; mu.Unlock() }
		x := open(t, Options{Model: &letters{}, FS: fsys})
		set(true)
		x.Add("sleep study")
		time.Sleep(time.Minute)
		if st := x.Status(); !errors.Is(st.Err, syscall.ENOSPC) || st.Waiting != 1 {
			t.Errorf("%+v", st)
		}
		set(false)
		time.Sleep(longWait)
		synctest.Wait()
		if hits := find(t, x, "sleep"); len(hits) != 1 {
			t.Errorf("%+v", hits)
		}
	})
}

func TestQuestionsAreBoundedAndMayBePutInOtherWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table, err := synonym.Parse("synonyms.txt", "-*\nzzz, sleep study")
		if err != nil {
			t.Fatal(err)
		}
		x := open(t, Options{Model: &letters{}, Synonyms: table})
		name := x.Add("sleep study")
		synctest.Wait()
		if hits := find(t, x, "zzz"); len(hits) != 1 || hits[0].Name != name || hits[0].Asked != "sleep study" {
			t.Errorf("%+v", hits)
		}
		for _, text := range []string{"", "  ", strings.Repeat("a", maxQuestionLen+1)} {
			if _, err := x.Ask(t.Context(), text); err == nil {
				t.Errorf("a question of %d bytes was answered", len(text))
			}
		}
	})
}

func TestNoMoreTextsThanThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := open(t, Options{Model: &letters{}, MaxTexts: 2})
		for _, text := range []string{"one", "two", "three", "two"} {
			x.Add(text)
		}
		if st := x.Status(); st.NoRoom != 1 || st.Texts != 2 {
			t.Errorf("%+v", st)
		}
	})
}
