package metadata

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// EncodeValue writes the bytes of an attribute as text: as they are, or, when they are
// not UTF-8, empty, or could be mistaken, as "0s" and base64, as getfattr does.
func EncodeValue(b []byte) string {
	if len(b) > 0 && utf8.Valid(b) && !slices.Contains(b, 0) && !strings.HasPrefix(string(b), "0s") {
		return string(b)
	}
	return "0s" + base64.StdEncoding.EncodeToString(b)
}

// DecodeValue reads what EncodeValue writes, and any other text as it is.
func DecodeValue(s string) ([]byte, error) {
	code, ok := strings.CutPrefix(s, "0s")
	if !ok {
		return []byte(s), nil
	}
	b, err := base64.StdEncoding.DecodeString(code)
	if err != nil {
		return nil, fmt.Errorf("a value that begins with 0s is base64, and %q is not", s)
	}
	return b, nil
}

const (
	tagsField = "tags"
	tagsAttr  = "user.xdg.tags"
	prefix    = "user."
	maxField  = 255 - len(prefix)
	maxValue  = 64 << 10 // bytes
)

// attrOf returns the attribute that keeps a field.
func attrOf(field string) string {
	if field == tagsField {
		return tagsAttr
	}
	return prefix + field
}

// fieldOf returns the field that an attribute is; ok is false for other attributes.
func fieldOf(attr string) (field string, ok bool) {
	if attr == tagsAttr {
		return tagsField, true
	}
	return strings.CutPrefix(attr, prefix)
}

// wrongField says why nobody can set a field, or "".
func wrongField(field string) string {
	switch {
	case field == "" || strings.ContainsRune(field, 0) || !utf8.ValidString(field):
		return "a field needs a name"
	case len(field) > maxField:
		return fmt.Sprintf("the name has %d bytes, at most %d are allowed", len(field), maxField)
	case strings.HasPrefix(field, "rdfs."):
		return "it is computed, nobody can set it"
	}
	return ""
}

// SplitTags reads a list of tags: parts between commas, without spaces around them;
// none twice.
func SplitTags(s string) (tags []string) {
	for t := range strings.SplitSeq(s, ",") {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// JoinTags writes a list of tags.
func JoinTags(tags []string) string { return strings.Join(tags, ",") }

// wrongTag says why a word cannot be a tag, or "".
func wrongTag(t string) string {
	switch {
	case t == "" || t != strings.TrimSpace(t):
		return "a tag is not empty and has no spaces around it"
	case strings.ContainsFunc(t, func(r rune) bool { return r == ',' || r < ' ' || r == utf8.RuneError }):
		return "a tag has no comma and no control characters, and is UTF-8"
	}
	return ""
}
