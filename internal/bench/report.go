package bench

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// Result is what one workload came to.
type Result struct {
	Workload string            `json:"workload"`
	Unit     string            `json:"unit"`
	Median   map[Kind]float64  `json:"median"`          // rate
	Ratio    map[Kind]float64  `json:"ratio,omitempty"` // of the drive to that directory: the median of the rounds' ratios
	Spread   [2]float64        `json:"spread"`          // the least and the greatest of the rounds' ratios to Beside
	Loopback float64           `json:"loopback_to_plain,omitempty"`
	CPU      map[Kind]float64  `json:"daemon_cpu_us"` // microseconds of the daemon per unit
	Beside   Kind              `json:"beside,omitempty"`
	Target   float64           `json:"target,omitempty"`
	Verdict  string            `json:"verdict"` // "ok", "MISS", "ERROR" or "-"
	Samples  map[Kind][]Sample `json:"samples"`
}

// summarize computes medians, ratios and the verdict from the samples.
func (r *Result) summarize() {
	r.Median, r.CPU, r.Ratio = map[Kind]float64{}, map[Kind]float64{}, map[Kind]float64{}
	for kind, samples := range r.Samples {
		var rates, cpus []float64
		for _, s := range samples {
			if s.Error == "" {
				rates = append(rates, s.Rate)
				cpus = append(cpus, float64(s.CPU.Nanoseconds())/1000/s.Amount)
			}
		}
		r.Median[kind], r.CPU[kind] = median(rates), median(cpus)
	}
	r.Ratio[Plain] = median(ratios(r.Samples[Drive], r.Samples[Plain]))
	r.Ratio[Loopback] = median(ratios(r.Samples[Drive], r.Samples[Loopback]))
	r.Loopback = median(ratios(r.Samples[Loopback], r.Samples[Plain]))
	if all := ratios(r.Samples[Drive], r.Samples[r.Beside]); len(all) > 0 {
		r.Spread = [2]float64{slices.Min(all), slices.Max(all)}
	}
	r.Verdict = "-"
	if r.Target > 0 && len(r.Samples[Drive]) > 0 && len(r.Samples[r.Beside]) > 0 {
		r.Verdict = "MISS"
		if r.Ratio[r.Beside] >= r.Target {
			r.Verdict = "ok"
		}
	}
	if slices.ContainsFunc(r.Samples[Drive], func(s Sample) bool { return s.Error != "" }) {
		r.Verdict = "ERROR"
	}
}

// ratios are a's rate to b's, round by round.
func ratios(a, b []Sample) (all []float64) {
	for i := range min(len(a), len(b)) {
		if a[i].Rate > 0 && b[i].Rate > 0 {
			all = append(all, a[i].Rate/b[i].Rate)
		}
	}
	return all
}

// median of no values is 0.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// Report is one run.
type Report struct {
	Time    time.Time `json:"time"`
	Kernel  string    `json:"kernel"`
	CPUs    int       `json:"cpus"`
	Cold    bool      `json:"cold"` // cold sections were cold, which needs root
	Image   bool      `json:"image"`
	Rounds  int       `json:"rounds"`
	Scale   float64   `json:"scale"`
	Results []Result  `json:"results"`
}

func newReport(b *Bed) *Report {
	var u unix.Utsname
	unix.Uname(&u)
	return &Report{Time: time.Now(), Kernel: unix.ByteSliceToString(u.Release[:]), CPUs: runtime.NumCPU(), Cold: b.coldness(),
		Image: b.image != nil, Rounds: b.opts.Rounds, Scale: b.opts.Scale}
}

// Missed reports whether a target was missed or a workload failed on the drive.
func (r *Report) Missed() bool {
	return slices.ContainsFunc(r.Results, func(res Result) bool { return res.Verdict == "MISS" || res.Verdict == "ERROR" })
}

// WriteTable prints the results for people.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "Linux %s, %d CPUs, medians of %d rounds, scale %g", r.Kernel, r.CPUs, r.Rounds, r.Scale)
	if r.Image {
		fmt.Fprint(w, ", fresh ext4 in a loop image")
	}
	if !r.Cold {
		fmt.Fprint(w, ", caches not emptied: cold is warm")
	}
	fmt.Fprint(w, "\n\n")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "workload\tunit\tplain\tloopback\tdrive\tdrive/plain\tdrive/loop\tloop/plain\ttarget\t\tspread\tloop CPU\tdrive CPU\t")
	for _, res := range r.Results {
		target, spread := "-", ""
		if res.Target > 0 {
			target = fmt.Sprintf("%.2f %s", res.Target, res.Beside)
			spread = fmt.Sprintf("%.2f-%.2f", res.Spread[0], res.Spread[1])
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", res.Workload, res.Unit,
			number(res.Median[Plain]), number(res.Median[Loopback]), number(res.Median[Drive]),
			fraction(res.Ratio[Plain]), fraction(res.Ratio[Loopback]), fraction(res.Loopback),
			target, res.Verdict, spread, number(res.CPU[Loopback]), number(res.CPU[Drive]))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nspread: the least and the greatest ratio of a round. A verdict whose target lies within it says little.")
	fmt.Fprintln(w, "CPU: microseconds of the daemon for one unit (a file, an operation, a MiB).")
	for _, res := range r.Results {
		for _, kind := range []Kind{Plain, Loopback, Drive} {
			for _, s := range res.Samples[kind] {
				if s.Error != "" {
					fmt.Fprintf(w, "%s on %s: %s\n", res.Workload, kind, s.Error)
					break
				}
			}
		}
	}
	return nil
}

// WriteRequests prints the FUSE requests that one unit of each workload took.
func (r *Report) WriteRequests(w io.Writer) {
	for _, res := range r.Results {
		for _, kind := range []Kind{Loopback, Drive} {
			for _, s := range res.Samples[kind] {
				if s.Error == "" && s.Requests != nil {
					unit, _, _ := strings.Cut(res.Unit, "/")
					fmt.Fprintf(w, "%-22s %-9s per %s: %s\n", res.Workload, kind, unit, s.Requests.per(s.Amount))
					break
				}
			}
		}
	}
}

func number(v float64) string {
	switch {
	case v == 0:
		return ""
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func fraction(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}
