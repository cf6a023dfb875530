package tiers

import "slices"

// Choose returns the names of the tiers, of those that allowed names (nil: of all), in
// which copies of an object belong: the nearest, and for each further copy the
// nearest at a provider that has none yet, while there is one. There are fewer names
// than copies when there are not so many tiers.
func Choose(all []Tier, allowed []string, copies int) (names []string) {
	var providers []string
	take := func(t *Tier) {
		names = append(names, t.Name)
		providers = append(providers, t.Provider)
	}
	for _, other := range []bool{true, false} {
		for i := range all {
			t := &all[i]
			switch {
			case len(names) >= copies, slices.Contains(names, t.Name),
				allowed != nil && !slices.Contains(allowed, t.Name),
				other && slices.Contains(providers, t.Provider):
				continue
			}
			take(t)
		}
	}
	return names
}
