package index

import "strings"

// glob is a pattern: * for any letters, ? for one, a backslash before what is meant
// as it is. The text is matched whole. It takes time in proportion to the product of
// the lengths at worst, and mostly to their sum.
func glob(pattern, text string) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		if p < len(pattern) {
			switch c := pattern[p]; {
			case c == '*':
				star, mark = p, t
				p++
				continue
			case c == '?':
				p++
				t++
				for t < len(text) && text[t]&0xC0 == 0x80 { // the rest of the letter
					t++
				}
				continue
			case c == '\\' && p+1 < len(pattern) && pattern[p+1] == text[t]:
				p += 2
				t++
				continue
			case c == text[t] && c != '\\':
				p++
				t++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, t = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// pathGlob is a pattern of paths. It matches a path if it matches it whole, or a
// directory above it. Without a slash it is about any one component.
type pathGlob struct {
	parts    []string
	anywhere bool
}

func newPathGlob(pattern string) pathGlob {
	g := pathGlob{anywhere: !strings.Contains(strings.TrimSuffix(pattern, "/"), "/")}
	for part := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
		if part == "**" && len(g.parts) > 0 && g.parts[len(g.parts)-1] == "**" {
			continue
		}
		g.parts = append(g.parts, part)
	}
	if n := len(g.parts) - 1; n > 0 && g.parts[n] == "**" { // what is below matches anyway
		g.parts = g.parts[:n]
	}
	if len(g.parts) == 1 && g.parts[0] == "**" {
		g.parts[0] = "*"
	}
	return g
}

// folder reports whether a directory, or one above it, matches.
func (g *pathGlob) folder(dir string) bool {
	if dir == "" {
		return false
	}
	comps := strings.Split(dir, "/")
	if g.anywhere {
		for _, c := range comps {
			if glob(g.parts[0], c) {
				return true
			}
		}
		return false
	}
	for n := 1; n <= len(comps); n++ {
		if matchParts(g.parts, comps[:n]) {
			return true
		}
	}
	return false
}

// holds reports whether a file of a name in dir can match by itself, as far as dir is
// concerned; then last decides.
func (g *pathGlob) holds(dir string) bool {
	if g.anywhere {
		return true
	}
	var comps []string
	if dir != "" {
		comps = strings.Split(dir, "/")
	}
	return matchParts(g.parts[:len(g.parts)-1], comps)
}

// last reports whether the name of a file matches the last part.
func (g *pathGlob) last(name string) bool {
	return glob(g.parts[len(g.parts)-1], name)
}

// matchParts matches components; ** stands for any number of them.
func matchParts(parts, comps []string) bool {
	// As glob, with components for letters.
	p, c := 0, 0
	star, mark := -1, 0
	for c < len(comps) {
		if p < len(parts) {
			if parts[p] == "**" {
				star, mark = p, c
				p++
				continue
			}
			if glob(parts[p], comps[c]) {
				p++
				c++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, c = star+1, mark
	}
	for p < len(parts) && parts[p] == "**" {
		p++
	}
	return p == len(parts)
}
