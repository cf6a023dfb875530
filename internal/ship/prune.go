package ship

import (
	"context"
	"strings"

	"github.com/rdfs/rdfs/tiers"
)

// prune removes all copies but the newest keep, their logs, and the blocks that no copy
// has. The manifest goes first: without it a copy does not count.
func prune(ctx context.Context, s tiers.Store, keep int) error {
	ids, err := listCopies(ctx, s)
	if err != nil || len(ids) == 0 {
		return err
	}
	stay := ids[max(len(ids)-keep, 0):]
	oldest := stay[0]
	needed := make(map[string]bool)
	for _, id := range stay {
		m, err := getManifest(ctx, s, id)
		if err != nil {
			return err // of a copy that cannot be read nobody knows what it needs
		}
		for _, b := range m.Blocks {
			needed[b] = true
		}
	}
	for _, id := range ids[:len(ids)-len(stay)] {
		if err := s.Delete(ctx, copies+id); err != nil {
			return err
		}
	}
	unwanted := func(prefix string, yes func(rest string) bool) error {
		var keys []string
		for info, err := range s.List(ctx, prefix) {
			if err != nil {
				return err
			}
			if yes(strings.TrimPrefix(info.Key, prefix)) {
				keys = append(keys, info.Key)
			}
		}
		for _, key := range keys {
			if err := s.Delete(ctx, key); err != nil {
				return err
			}
		}
		return nil
	}
	// A log without a manifest that is newer than the oldest copy belongs to one that was
	// never finished; it goes when the copies around it do.
	if err := unwanted(logs, func(rest string) bool { id, _, _ := strings.Cut(rest, "/"); return id < oldest }); err != nil {
		return err
	}
	return unwanted(blocks, func(hash string) bool { return !needed[hash] })
}
