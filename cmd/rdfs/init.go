package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/keys"
)

func (a *app) initCommand() *cobra.Command {
	var scheme string
	var encrypt bool
	var domain string
	cmd := &cobra.Command{
		Use:   "init [--scheme NAME] [--encrypt] REPO",
		Short: "Make a repository",
		Long: `Make a repository in REPO, a directory that is absent or empty, and write its
rdfs.yaml with every default and a comment. "rdfs mount" does the same for an empty
REPO, with the defaults.

The naming schemes hierarchical, flat, by_experiment and bids refuse names that do not
follow them; free, the default, takes every name. See docs/naming.md, and try one before with
"rdfs names check --scheme NAME DIRECTORY".

With --encrypt all that reaches the tier is encrypted: data, names and metadata. It asks
for a passphrase, or takes it from RDFS_PASSPHRASE; --key-file FILE takes a file of random
bytes instead, and makes it if it is absent. Without one of the keys nothing can be had
back by anybody: export the key ("rdfs key export") and keep it elsewhere. See
docs/encryption.md.`,
		Example: "  rdfs init /srv/research-repo",
		Args:    want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if !encrypt && (cmd.Flags().Changed("domain") || a.keyFile != "") {
				return failf(exitUsage, "init: --domain and --key-file are for --encrypt")
			}
			var secret keys.Secret
			if encrypt {
				if err := a.roomForRepository(dir); err != nil {
					return err
				}
				if secret, err = a.newSecret(cmd.Context(), a.keyFile, passphraseEnv); err != nil {
					return err
				}
			} else {
				domain = config.DomainNone
			}
			if err := a.createRepository(dir, scheme, domain, secret); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "made repository %s\nsettings: %s\nnext: rdfs mount %s DIRECTORY\n",
				dir, filepath.Join(dir, config.FileName), args[0])
			if encrypt {
				fmt.Fprintf(a.stdout, "encrypted. Keep the key elsewhere as well: rdfs key export --output FILE %s\n", args[0])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&scheme, "scheme", config.DefaultScheme, "naming `scheme`: free, hierarchical, flat, by_experiment, bids")
	cmd.Flags().BoolVar(&encrypt, "encrypt", false, "encrypt all that reaches the tier")
	cmd.Flags().StringVar(&domain, "domain", config.DomainDirectory, "what one key is for: directory (each in the root) or repository")
	cmd.Flags().StringVar(&a.keyFile, "key-file", "", "the key is in `FILE`, which is made if it is absent")
	return cmd
}
