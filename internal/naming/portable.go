package naming

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// windowsSpecial are characters that Windows gives a meaning of their own.
const windowsSpecial = `<>:"\|?*`

// windowsDevices are names that Windows takes for devices, with any extension.
var windowsDevices = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true,
	"com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true}

// fits reports whether a name can be a name at all, whatever the rules say.
func (s *Scheme) fits(name string) bool {
	if len(name) == 0 || len(name) > s.c.MaxName {
		return false
	}
	ascii := true
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c < ' ' || c == 0x7f || c == '/' {
			return false
		}
		if c >= utf8.RuneSelf {
			ascii = false
		} else if !s.c.Unportable && strings.IndexByte(windowsSpecial, c) >= 0 {
			return false
		}
	}
	if !s.c.Unportable && (name[len(name)-1] == '.' || name[len(name)-1] == ' ' || isDevice(name)) {
		return false
	}
	return ascii || s.fitsUnicode(name)
}

func (s *Scheme) fitsUnicode(name string) bool {
	if !utf8.ValidString(name) || !s.c.AnyUnicode && !norm.NFC.IsNormalString(name) {
		return false
	}
	return strings.IndexFunc(name, hidden) < 0
}

// hidden reports characters that nobody sees: directions, marks, tags. Those that join letters
// in Persian and Indian scripts are none of these.
func hidden(r rune) bool {
	return r >= utf8.RuneSelf && (unicode.Is(unicode.Cf, r) && r != 0x200C && r != 0x200D || unicode.Is(unicode.Cc, r) ||
		r == 0x2028 || r == 0x2029)
}

func isDevice(name string) bool {
	if len(name) < 3 || len(name) > 4 && name[3] != '.' && name[4] != '.' {
		return false
	}
	stem, _, _ := strings.Cut(name, ".")
	return windowsDevices[strings.ToLower(stem)]
}

// tidy returns the problems that a name has whatever the rules say, and the name
// without them.
func (s *Scheme) tidy(name string) (tidied string, problems []Problem) {
	bad := func(expected, suggest string) {
		problems = append(problems, Problem{Value: name, Expected: expected, Suggest: suggest})
	}
	t := name
	if name == "" {
		bad("a name", "")
	}
	if !utf8.ValidString(t) {
		t = strings.ToValidUTF8(t, "-")
		bad("a name in UTF-8", t)
	}
	if !s.c.AnyUnicode && !norm.NFC.IsNormalString(t) {
		t = norm.NFC.String(t)
		bad("Unicode normal form C: the same letters, written otherwise", t)
	}
	special := ""
	clean := strings.Map(func(r rune) rune {
		switch {
		case hidden(r):
			return -1
		case r < ' ' || r == 0x7f || r == '/':
			return '-'
		case !s.c.Unportable && r < utf8.RuneSelf && strings.ContainsRune(windowsSpecial, r):
			special += string(r)
			return '-'
		}
		return r
	}, t)
	if special != "" {
		bad(fmt.Sprintf("a name without %s, which Windows cannot hold", special), clean)
	} else if clean != t {
		bad("a name without control characters and without characters that nobody can see", clean)
	}
	t = clean
	if !s.c.Unportable {
		if cut := strings.TrimRight(t, ". "); cut != t {
			t = cut
			bad("a name that does not end in a dot or a space, which Windows cannot hold", t)
		}
		if isDevice(t) {
			stem, rest, _ := strings.Cut(t, ".")
			t = stem + "_"
			if rest != "" {
				t += "." + rest
			}
			bad("another name: Windows takes this one for a device", t)
		}
	}
	if len(t) > s.c.MaxName {
		problems = append(problems, Problem{Value: name,
			Expected: fmt.Sprintf("at most %d bytes (these are %d), so that programs can add their temporary endings", s.c.MaxName, len(t))})
	}
	return t, problems
}

// Fold returns what two names have in common that differ only by case.
func Fold(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return strings.ToLower(norm.NFC.String(strings.ToUpper(name)))
		}
	}
	return name
}
