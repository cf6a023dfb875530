package main

import (
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/rdfs/rdfs/internal/volume"
)

// meter shows the progress of one command on a terminal, and nothing anywhere
// else. Its methods are for one goroutine at a time.
type meter struct {
	a     *app
	phase string
	bar   *progressbar.ProgressBar
}

func (a *app) meter() *meter { return &meter{a: a} }

// report is a progress function.
func (m *meter) report(p volume.Progress) {
	if !m.a.terminal {
		return
	}
	if m.bar == nil || p.Phase != m.phase {
		m.done()
		m.phase = p.Phase
		total := p.Total
		if total <= 0 {
			total = -1
		}
		m.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(m.a.stderr),
			progressbar.OptionSetDescription(p.Phase),
			progressbar.OptionSetWidth(24),
			progressbar.OptionShowBytes(p.Unit == "bytes"),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	if p.Total > 0 && p.Total != m.bar.GetMax64() {
		m.bar.ChangeMax64(p.Total)
	}
	if p.Item != "" {
		m.bar.Describe(p.Phase + " " + oneLine(p.Item, 40))
	}
	m.bar.Set64(p.Done)
}

// done takes the bar off the screen.
func (m *meter) done() {
	if m.bar != nil {
		m.bar.Clear()
		m.bar = nil
	}
}
