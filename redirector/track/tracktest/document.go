// Package tracktest holds real traffic against the OpenAPI document that is served with it.
package tracktest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	validation "github.com/pb33f/libopenapi-validator/errors"
)

// Document is an OpenAPI document.
type Document struct {
	v     validator.Validator
	paths []string
}

// Read reads a document, which has to be a good one.
func Read(t testing.TB, text []byte) *Document {
	t.Helper()
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatalf("read the OpenAPI document: %v", err)
	}
	v, errs := validator.NewValidator(doc)
	for _, err := range errs {
		t.Fatalf("read the OpenAPI document: %v", err)
	}
	if ok, errs := v.ValidateDocument(); !ok {
		t.Fatalf("the OpenAPI document is not one: %s", sentences(errs))
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		t.Fatalf("read the OpenAPI document: %v", err)
	}
	return &Document{v, slices.Sorted(model.Model.Paths.PathItems.KeysFromOldest())}
}

// Paths are the addresses that the document describes, in order.
func (d *Document) Paths() []string { return d.paths }

// Answer reports an answer that is not as the document says.
func (d *Document) Answer(t testing.TB, req *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	again := *resp
	again.Body = io.NopCloser(bytes.NewReader(body))
	if ok, errs := d.v.ValidateHttpResponse(req, &again); !ok {
		t.Errorf("%s %s answers %d %s, which is not as /openapi.json says: %s", req.Method, req.URL.Path, resp.StatusCode, body, sentences(errs))
	}
}

// Request reports a request that was taken although the document says that it cannot be.
func (d *Document) Request(t testing.TB, req *http.Request, body []byte) {
	t.Helper()
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	if ok, errs := d.v.ValidateHttpRequest(again); !ok {
		t.Errorf("%s %s %s was taken, which is not as /openapi.json says: %s", req.Method, req.URL.Path, body, sentences(errs))
	}
}

// Refuses reports whether the document says that a request cannot be.
func (d *Document) Refuses(req *http.Request, body []byte) bool {
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	ok, _ := d.v.ValidateHttpRequest(again)
	return !ok
}

func sentences(errs []*validation.ValidationError) (out string) {
	for _, e := range errs {
		out += e.Error() + "; "
		for _, s := range e.SchemaValidationErrors {
			out += s.Reason + "; "
		}
	}
	return out
}
