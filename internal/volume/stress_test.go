package volume

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// Programs save in all the ways that there are, rename, exchange, link, delete, restore
// and tag files, several at a time, each in a directory of its own, while the store is
// slow or fails and the cache is removed. After each round, and after the volume was
// opened anew, every file holds what was saved last, has the versions that it must have
// in the order of the saves, and the attributes that it was given; and no two files
// have one history.
//
//	RDFS_TEST_STRESS=1m   for how long; 12 s without it
//	RDFS_TEST_SEED=N      the seed of a run that failed
func TestSavesOfManyProgramsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	length := 12 * time.Second
	if s := os.Getenv("RDFS_TEST_STRESS"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		length = 2 * time.Second
	}
	seed := uint64(time.Now().UnixNano() % 1_000_000)
	if s := os.Getenv("RDFS_TEST_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	for end := time.Now().Add(length); ; seed++ {
		if ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { stress(t, seed, end) }); !ok || time.Now().After(end) {
			return
		}
	}
}

const (
	stressPrograms = 4
	stressRounds   = 6
	stressOps      = 40 // of each program in a round
)

func stress(t *testing.T, seed uint64, end time.Time) {
	rng := rand.New(rand.NewPCG(seed, 0))
	pass := rng.IntN(2) == 0
	r := newRig(serial{t}, func(o *Options) {
		o.SealAfter, o.SealWorkers, o.CommitEvery = 50*time.Millisecond, 1+rng.IntN(3), 3*time.Millisecond
		o.CacheMax = 1 << 20
		o.Logger = nil
	})
	r.v.SetPassthrough(pass)
	programs := make([]*saver, stressPrograms)
	for k := range programs {
		programs[k] = &saver{r: r, dir: fmt.Sprint("d", k), rng: rand.New(rand.NewPCG(seed, uint64(k+1))), world: newWorld()}
		r.mkdir(programs[k].dir)
	}
	for round := 0; round < stressRounds && !t.Failed() && time.Now().Before(end); round++ {
		calm := r.clock.now().Add(40 * time.Second) // a path keeps its history for a minute
		stop := r.trouble(rand.New(rand.NewPCG(seed, uint64(100+round))), calm, pass)
		var wg sync.WaitGroup
		for _, p := range programs {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for k := 0; k < stressOps && !t.Failed() && r.clock.now().Before(calm); k++ {
					p.op()
				}
			}()
		}
		wg.Wait()
		stop()
		if t.Failed() {
			break
		}
		switch rng.IntN(3) {
		case 0:
			r.stopUnsealed()
			r.reopen(StopKilled)
			r.v.SetPassthrough(pass)
		case 1:
			r.sync()
			r.close()
			r.reopen(StopClean)
			r.v.SetPassthrough(pass)
		}
		r.sync()
		for _, p := range programs {
			p.check()
		}
		r.wantOneHolder()
		r.audit()
		if t.Failed() {
			break
		}
		r.clock.advance(2 * time.Minute)
		r.commit()
		for _, p := range programs {
			p.world.later()
		}
	}
	if t.Failed() {
		for _, p := range programs {
			t.Logf("what program %s did last:\n%s", p.dir, strings.Join(p.log[max(0, len(p.log)-200):], "\n"))
		}
	}
}

// serial is a test whose rigs do not run beside others.
type serial struct{ testing.TB }

// trouble lets time go by, makes the store fail and wait, and removes the cache, until
// stop is called. When calm has come it only helps.
func (r *rig) trouble(rng *rand.Rand, calm time.Time, pass bool) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
			}
			if !r.clock.now().Before(calm) {
				r.store.fail(nil)
				r.store.open()
				r.hurryAll()
				continue
			}
			r.clock.advance(10 * time.Millisecond)
			switch rng.IntN(60) {
			case 0:
				r.store.fail(blob.ErrOffline)
			case 1, 2:
				r.store.fail(nil)
			case 3:
				r.store.close()
			case 4, 5:
				r.store.open()
			case 6:
				r.v.cache.Evict(bg(r.t))
			case 7:
				if !pass { // with passthrough the kernel would hold the removed files
					os.RemoveAll(r.o.CacheDir)
				}
			case 8:
				r.hurryAll()
			}
		}
	}()
	return func() {
		close(quit)
		<-done
		r.store.fail(nil)
		r.store.open()
	}
}
