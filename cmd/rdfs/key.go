package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/tiers"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Manage the keys of an encrypted repository",
		Long: `Manage the keys of an encrypted repository. A key slot opens it with a passphrase or a
key file; any number of them may be there. The keys are kept in the repository and in the
tier. The drive must not be mounted.

A command asks for a passphrase that opens the repository, or takes it from
RDFS_PASSPHRASE, RDFS_KEY_FILE, --key-file or rdfs.yaml. See docs/encryption.md.`,
		Args: want(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&a.keyFile, "key-file", "", "`FILE` that opens the repository: a key file, or an exported key")
	cmd.AddCommand(a.keyListCommand(), a.keyAddCommand(), a.keyRemoveCommand(), a.keyRotateCommand(), a.keyExportCommand())
	return cmd
}

// withKeys runs fn with the keys of the repository that arg means. Nobody else uses it
// meanwhile.
func (a *app) withKeys(ctx context.Context, arg string, fn func(*keys.Keys) error) (err error) {
	w, err := a.locate(arg, "")
	if err != nil {
		return err
	}
	c, err := loadRepository(w.repo)
	if err != nil {
		return err
	}
	if !c.Encryption.On() {
		return failf(exitFailed, "%s is not encrypted: only `rdfs init --encrypt` makes an encrypted repository", w.repo)
	}
	if err := makeDirs(w.repo); err != nil {
		return err
	}
	lock, err := control.Acquire(w.repo, control.Holder{PID: os.Getpid(), Command: "rdfs key", Since: a.now()})
	if err != nil {
		return err
	}
	defer lock.Release()
	o := openOptions{Dir: w.repo, Config: c, Now: a.now, Logger: slog.New(slog.DiscardHandler), Secret: a.secretOf(w.repo, c.Encryption)}
	k, secret, err := openKeys(ctx, o)
	if err != nil {
		return err
	}
	all, err := openRepositoryTiers(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	if k, err = keysWith(ctx, o, k, secret, tiers.All(all)); err != nil {
		return err
	}
	return fn(k)
}

func (a *app) keyListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [REPO]",
		Short: "List key slots and data keys",
		Args:  want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd.Context(), first(args), func(k *keys.Keys) error {
				slots, data := k.Slots(), k.DataKeys()
				if asJSON {
					return printJSON(a.stdout, struct {
						Slots []keys.SlotInfo `json:"slots"`
						Data  []keys.DataInfo `json:"data"`
					}{slots, data})
				}
				t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
				fmt.Fprintln(t, "SLOT\tKIND\tMADE")
				for _, s := range slots {
					fmt.Fprintf(t, "%s\t%s\t%s\n", s.ID, s.Kind, moment(s.Created))
				}
				fmt.Fprintln(t, "\nKEY\tSEALS\tMADE")
				for _, d := range data {
					seals := "the catalog, and files in the root"
					if d.Label != "" {
						seals = "/" + oneLine(d.Label, 100)
					}
					if !d.Current {
						seals += " (what was saved before the rotation)"
					}
					fmt.Fprintf(t, "%d\t%s\t%s\n", d.Number, seals, moment(d.Created))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) keyAddCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "add [--new-key-file FILE] [REPO]",
		Short: "Add a key slot",
		Long: `Add a key slot for another passphrase, which is asked for or taken from
RDFS_NEW_PASSPHRASE, or for a key file, which is made if it is absent.`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd.Context(), first(args), func(k *keys.Keys) error {
				s, err := a.newSecret(cmd.Context(), file, newPassphraseEnv)
				if err != nil {
					return err
				}
				slot, err := k.AddSlot(cmd.Context(), s)
				if err == nil {
					fmt.Fprintf(a.stdout, "added key slot %s (%s)\n", slot.ID, slot.Kind)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&file, "new-key-file", "", "the new key is in `FILE`")
	return cmd
}

func (a *app) keyRemoveCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "remove SLOT [REPO]",
		Short: "Remove a key slot",
		Long: `Remove a key slot, in the repository and in the tier. The last one stays. Who knew its
secret and kept a copy of the slot can still open what was saved until now: see "rdfs key
rotate".`,
		Args: want(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd.Context(), first(args[1:]), func(k *keys.Keys) error {
				if dryRun {
					fmt.Fprintf(a.stdout, "would remove key slot %s of %d\n", args[0], len(k.Slots()))
					return nil
				}
				err := k.RemoveSlot(cmd.Context(), args[0])
				if err == nil {
					fmt.Fprintf(a.stdout, "removed key slot %s\n", args[0])
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing")
	return cmd
}

func (a *app) keyRotateCommand() *cobra.Command {
	var dryRun bool
	var file string
	cmd := &cobra.Command{
		Use:   "rotate [--new-key-file FILE] [REPO]",
		Short: "Make new keys for all that is saved from now on",
		Long: `Make a new master key with one new slot, and new data keys for all that is saved from now
on. All old slots are gone, and a key that was exported before opens nothing any more. What was
saved before stays sealed as it is, and opens with the new slot, too. What is saved again is
stored again: nothing is shared with what was sealed under an older key.`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withKeys(cmd.Context(), first(args), func(k *keys.Keys) error {
				if dryRun {
					fmt.Fprintf(a.stdout, "would replace %s by one, and make new data keys\n", plural(len(k.Slots()), "key slot"))
					return nil
				}
				s, err := a.newSecret(cmd.Context(), file, newPassphraseEnv)
				if err != nil {
					return err
				}
				if err := k.Rotate(cmd.Context(), s); err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "rotated: the repository opens with the new %s only\n", s.Kind)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing")
	cmd.Flags().StringVar(&file, "new-key-file", "", "the new key is in `FILE`")
	return cmd
}

func (a *app) keyExportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export --output FILE [REPO]",
		Short: "Write the key itself into a file",
		Long: `Write the keys, not protected by anything, into a new file that only you may read. It opens
the repository and its tier (--key-file FILE) when all passphrases are forgotten. Keep it where
neither the repository nor the tier is: on paper, in a safe.`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return failf(exitUsage, "key export: give the file with --output")
			}
			if _, err := os.Lstat(output); err == nil {
				return failf(exitFailed, "%s exists already", output)
			}
			return a.withKeys(cmd.Context(), first(args), func(k *keys.Keys) error {
				if err := disk.WriteFile(disk.OS, output, bytes.NewReader(k.Export()), 0o600); err != nil {
					return fmt.Errorf("export: %w", err)
				}
				fmt.Fprintf(a.stdout, "wrote the key to %s: whoever has it can read everything\n", output)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "", "write to `FILE`, which must not exist")
	return cmd
}
