package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Figure is one measured number, and what it should be. At most one of AtMost and AtLeast is set.
type Figure struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
}

// Missed reports whether the number is not what it should be.
func (f Figure) Missed() bool {
	return f.AtMost > 0 && f.Value > f.AtMost || f.AtLeast > 0 && f.Value < f.AtLeast
}

// WriteFigures prints figures for people.
func WriteFigures(w io.Writer, figures []Figure) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range figures {
		goal, verdict := "-", "-"
		if f.AtMost > 0 {
			goal, verdict = fmt.Sprintf("at most %g", f.AtMost), "ok"
		}
		if f.AtLeast > 0 {
			goal, verdict = fmt.Sprintf("at least %g", f.AtLeast), "ok"
		}
		if f.Missed() {
			verdict = "MISS"
		}
		fmt.Fprintf(tw, "%s\t%.4g\t%s\t%s\t%s\n", f.Name, f.Value, f.Unit, goal, verdict)
	}
	return tw.Flush()
}

// percentile of durations that need not be sorted, in milliseconds; p from 0 to 1.
func percentile(all []time.Duration, p float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))].Seconds() * 1000
}
