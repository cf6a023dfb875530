package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"

	"github.com/rdfs/rdfs/internal/blob"
)

// verdict says what an error of a request means for the one who asked.
type verdict int

const (
	final   verdict = iota // another try gives the same answer
	passing                // it may pass: the server could not be reached, or could not serve
	denied                 // the server answers, and will not until somebody mends something
)

// codes are answers of the server that have a meaning here.
var codes = map[string]struct {
	verdict verdict
	err     error
	advice  string
}{
	"NoSuchKey":                      {final, blob.ErrNotFound, ""},
	"NoSuchVersion":                  {final, blob.ErrNotFound, ""},
	"InvalidRange":                   {final, io.ErrUnexpectedEOF, ""},
	"PreconditionFailed":             {final, errExists, ""},
	"BadDigest":                      {passing, blob.ErrOffline, "what arrived is not what was sent"},
	"InvalidObjectState":             {final, blob.ErrArchived, "it is in an archive class: `rdfs tier fetch` asks for it"},
	"NoSuchBucket":                   {denied, blob.ErrOffline, "the bucket does not exist: make it, or mend `bucket`"},
	"AccessDenied":                   {denied, blob.ErrOffline, "these credentials may not do that"},
	"InvalidAccessKeyId":             {denied, blob.ErrOffline, "the server does not know the access key"},
	"SignatureDoesNotMatch":          {denied, blob.ErrOffline, "the secret key is wrong"},
	"ExpiredToken":                   {denied, blob.ErrOffline, "the credentials have expired"},
	"InvalidTokenId":                 {denied, blob.ErrOffline, "the session token is wrong"},
	"RequestTimeTooSkewed":           {denied, blob.ErrOffline, "the clock of this machine and the server's differ: set it right"},
	"InvalidStorageClass":            {denied, blob.ErrOffline, "the server does not have this storage class: mend `storage_class`"},
	"QuotaExceeded":                  {denied, blob.ErrOffline, "the bucket is full: raise its quota, or free space in it"},
	"XMinioStorageFull":              {denied, blob.ErrOffline, "the server's disk is full"},
	"XMinioAdminBucketQuotaExceeded": {denied, blob.ErrOffline, "the bucket is full: raise its quota, or free space in it"},
}

// errExists: the object of a conditional Put is there already.
var errExists = errors.New("exists")

// judge tells what an error of minio-go, or of the reading of a body, means. The
// result wraps one of blob's errors where it applies.
func judge(ctx context.Context, err error) (verdict, error) {
	if ctx.Err() != nil { // the caller's own end
		return final, ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) { // of the call: it is not the caller's
		return passing, fmt.Errorf("%w: no answer in time", blob.ErrOffline)
	}
	var answer minio.ErrorResponse
	if errors.As(err, &answer) && answer.StatusCode != 0 {
		if c, ok := codes[answer.Code]; ok {
			if c.advice == "" {
				return c.verdict, c.err
			}
			return c.verdict, fmt.Errorf("%w: %s (%s)", c.err, c.advice, answer.Code)
		}
		switch s := answer.StatusCode; {
		case s == http.StatusNotFound:
			return final, blob.ErrNotFound
		case s == http.StatusPreconditionFailed:
			return final, errExists
		case s == http.StatusForbidden || s == http.StatusUnauthorized:
			return denied, fmt.Errorf("%w: %s", blob.ErrOffline, answer.Message)
		case s == http.StatusRequestTimeout || s == http.StatusConflict || s == http.StatusTooManyRequests || s >= 500:
			return passing, fmt.Errorf("%w: the server answers %d %s", blob.ErrOffline, s, answer.Code)
		}
		return final, fmt.Errorf("the server answers %d %s: %s", answer.StatusCode, answer.Code, answer.Message)
	}
	// What is left happens on the way: dial, TLS, a reset, a body cut short.
	var via *url.Error
	if errors.As(err, &via) {
		err = via.Err // without the URL, which says nothing that the endpoint does not
	}
	return passing, fmt.Errorf("%w: %w", blob.ErrOffline, err)
}
