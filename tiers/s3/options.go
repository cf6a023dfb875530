package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/rdfs/rdfs/tiers"
)

// Options of Open. Endpoint and Bucket are required.
type Options struct {
	Endpoint string // e.g. https://s3.eu-central-1.amazonaws.com, http://nas:9000
	Region   string // empty: us-east-1
	Bucket   string
	Prefix   string // of all keys in the bucket, without slashes around it; may be empty
	GCS      bool   // the interoperable endpoint of Google: no checksums, no parts

	Credentials  Credentials
	Profile      string // of the credentials file; empty: AWS_PROFILE, or default
	File         string // the credentials file; empty: AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials
	CAFile       string // PEM certificates to trust besides the system's
	StorageClass string // of new objects; empty: the bucket's default

	Encryption Encryption
	KMSKey     string // id of the key, with EncryptKMS
	KeyFile    string // holds the 32 bytes of the key, with EncryptCustomer

	Threads int           // parts of one object sent at once; default 4
	Stall   time.Duration // after which a request that does not move is given up; default 20 s

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default: quiet

	pause time.Duration // before the second try; default firstPause
}

// Credentials says where the keys come from.
type Credentials string

// The sources of credentials.
const (
	CredentialsAuto Credentials = "auto" // the environment, else the file
	CredentialsEnv  Credentials = "env"  // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
	CredentialsFile Credentials = "file" // in the format of the AWS command line
	CredentialsRole Credentials = "role" // of the machine or the container
)

// Encryption is what the server does with the bytes it stores.
type Encryption string

// The kinds of encryption by the server.
const (
	EncryptNone     Encryption = "none"
	EncryptS3       Encryption = "sse-s3"
	EncryptKMS      Encryption = "sse-kms"
	EncryptCustomer Encryption = "sse-c" // with a key that the server forgets; https only
)

const (
	partSize   = 16 << 20 // bytes; larger objects are sent in parts
	region     = "us-east-1"
	firstPause = 200 * time.Millisecond
)

func (o Options) withDefaults() Options {
	if o.Region == "" {
		o.Region = region
	}
	if o.Threads <= 0 {
		o.Threads = 4
	}
	if o.Stall <= 0 {
		o.Stall = 20 * time.Second
	}
	if o.pause <= 0 {
		o.pause = firstPause
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// endpoint returns the host, with its port, and whether to speak TLS.
func (o *Options) endpoint() (host string, secure bool, err error) {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("endpoint: %w", err)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return "", false, fmt.Errorf("endpoint %q: want https://HOST or http://HOST", o.Endpoint)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return "", false, fmt.Errorf("endpoint %q: want a host only; bucket and prefix have keys of their own", u.Redacted())
	}
	return u.Host, u.Scheme == "https", nil
}

// prefix returns what stands before each key.
func (o *Options) prefix() (string, error) {
	if o.Prefix == "" {
		return "", nil
	}
	if err := tiers.CheckKey(o.Prefix); err != nil {
		return "", fmt.Errorf("prefix: %w", err)
	}
	return o.Prefix + "/", nil
}

func (o *Options) credentials() (*credentials.Credentials, error) {
	file := &credentials.FileAWSCredentials{Filename: o.File, Profile: o.Profile}
	switch o.Credentials {
	case CredentialsAuto, "":
		return credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, file}), nil
	case CredentialsEnv:
		return credentials.NewEnvAWS(), nil
	case CredentialsFile:
		return credentials.New(file), nil
	case CredentialsRole:
		return credentials.NewIAM(""), nil
	}
	return nil, fmt.Errorf("credentials %q: want auto, env, file or role", o.Credentials)
}

// encryption returns what a request that writes says, and what one that reads says.
func (o *Options) encryption(secure bool) (write, read encrypt.ServerSide, err error) {
	switch o.Encryption {
	case EncryptNone, "":
		return nil, nil, nil
	case EncryptS3:
		return encrypt.NewSSE(), nil, nil
	case EncryptKMS:
		write, err = encrypt.NewSSEKMS(o.KMSKey, nil)
		return write, nil, err
	case EncryptCustomer:
		if !secure {
			return nil, nil, errors.New("sse-c sends the key with each request: the endpoint must be https")
		}
		key, err := os.ReadFile(o.KeyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("key of sse-c: %w", err)
		}
		if len(key) != 32 {
			return nil, nil, fmt.Errorf("key of sse-c: %s has %d bytes, want 32", o.KeyFile, len(key))
		}
		write, err = encrypt.NewSSEC(key)
		return write, write, err
	}
	return nil, nil, fmt.Errorf("encryption %q: want none, sse-s3, sse-kms or sse-c", o.Encryption)
}

// tls returns what to trust; nil: what the system trusts.
func (o *Options) tls() (*tls.Config, error) {
	if o.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificates: %s holds none", o.CAFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
