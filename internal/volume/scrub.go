package volume

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/tiers/pack"
)

// ScrubRequest says what a scrub reads, and how fast.
type ScrubRequest struct {
	Rate      int64         `json:"rate,omitempty"`       // bytes a second at most; 0: as fast as it goes
	OlderThan time.Duration `json:"older_than,omitempty"` // passes over what was verified later than so long ago
}

// ScrubResult says what a scrub found.
type ScrubResult struct {
	Packs    int64     `json:"packs"`    // of which copies were read
	Passed   int64     `json:"passed"`   // packs that were verified lately
	Bytes    int64     `json:"bytes"`    // read and found right
	Bad      int64     `json:"bad"`      // copies that were not what they should be
	Repaired int64     `json:"repaired"` // of these
	Unknown  int64     `json:"unknown"`  // copies in tiers that could not be asked
	Lost     int64     `json:"lost"`     // packs without a good copy
	Findings []Finding `json:"findings,omitempty"`
}

// Scrub reads every copy of every pack, and makes anew those that are not what they
// should be, from another one. What was right is recorded with the time. It can be
// stopped at any point, and runs beside all other work.
func (v *Volume) Scrub(ctx context.Context, req ScrubRequest, progress func(Progress)) (r ScrubResult, err error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	begin := v.now()
	total := int64(0)
	v.cat.View(func(tx *catalog.Tx) error { total = int64(tx.Counters().Packs); return nil })
	var failed error
	err = v.eachPack(ctx, func(p *catalog.Pack) {
		if failed != nil || ctx.Err() != nil {
			return
		}
		if req.OlderThan > 0 && v.verifiedAll(p) > catalog.TimeOf(begin.Add(-req.OlderThan)) {
			r.Passed++
			return
		}
		progress(Progress{Phase: "scrubbing", Done: r.Packs + r.Passed, Total: total, Unit: "packs"})
		var found PackCopies
		if found, failed = v.examine(ctx, p.ID); failed != nil {
			return
		}
		v.countScrubbed(&r, p, &found)
		failed = v.holdRate(ctx, begin, r.Bytes, req.Rate)
	})
	return r, errors.Join(err, failed)
}

// verifiedAll returns when the copy of a pack that was read longest ago was read; 0: one
// never was.
func (v *Volume) verifiedAll(p *catalog.Pack) (oldest catalog.Time) {
	for i, c := range p.Where {
		if i == 0 || c.Verified < oldest {
			oldest = c.Verified
		}
	}
	return oldest
}

// countScrubbed adds what was found of a pack to the result.
func (v *Volume) countScrubbed(r *ScrubResult, p *catalog.Pack, found *PackCopies) {
	r.Packs++
	r.Bytes += found.Bytes
	r.Bad += int64(len(found.Bad))
	r.Unknown += int64(len(found.Unknown))
	if len(found.Bad) == 0 {
		return
	}
	f := Finding{Severity: "error", Object: fmt.Sprintf("%s in %s", pack.Key(p.ID), strings.Join(found.Bad, ", "))}
	if found.Err != nil {
		f.Problem = found.Err.Error()
	}
	switch {
	case len(found.Good) == 0 && len(found.Unknown) > 0:
		f.Fix = "there may be a good copy in " + strings.Join(found.Unknown, ", ") + ": scrub again when that can be reached"
	case len(found.Good) == 0:
		r.Lost++
		f.Fix = fixPack
	default:
		var row catalog.Pack
		v.cat.View(func(tx *catalog.Tx) (err error) { row, err = tx.Pack(p.ID); return err })
		for _, name := range found.Bad {
			if inTier(&row, name) {
				r.Repaired++
				f.Severity, f.Fix = "note", "it was made anew from another copy"
			}
		}
		if f.Fix == "" {
			f.Severity, f.Fix = "note", "it will be made anew from another copy when the tier takes it"
		}
	}
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, f)
	}
}

// holdRate waits until so many bytes since begin are not more than rate allows.
func (v *Volume) holdRate(ctx context.Context, begin time.Time, bytes, rate int64) error {
	if rate <= 0 {
		return nil
	}
	ahead := time.Duration(float64(bytes)/float64(rate)*float64(time.Second)) - v.now().Sub(begin)
	if ahead <= 0 {
		return nil
	}
	t := time.NewTimer(ahead)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
