package track

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"
)

// errorAnswer is an error as callers see it: Dub's shape, and the field.
type errorAnswer struct {
	Error errorDetails `json:"error"`
}

type errorDetails struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	DocURL  string `json:"doc_url"`
}

// Say answers with success.
func (a *API) Say(ctx *fasthttp.RequestCtx, answer any) {
	a.write(ctx, fasthttp.StatusOK, answer)
}

// Refuse answers with an error. What is not an *Error is ours: its cause is logged and not told.
func (a *API) Refuse(ctx *fasthttp.RequestCtx, err error) {
	out := errorDetails{Code: Internal, Message: "The report was not recorded. Send it again.", DocURL: a.base + "/openapi.json"}
	status := fasthttp.StatusInternalServerError
	var refused *Error
	var more *special
	switch {
	case errors.As(err, &refused):
		out.Code, out.Message, out.Field = refused.Code, refused.Error(), refused.Field
		status = refused.Code.Status()
		if errors.As(err, &more) {
			status = more.status
			ctx.Response.Header.Set(more.name, more.value)
		}
		if status == fasthttp.StatusUnauthorized {
			ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
		}
	case errors.Is(err, ErrUnavailable):
		status = fasthttp.StatusServiceUnavailable
		ctx.Response.Header.Set("Retry-After", "1")
	default:
		a.desk.log.Error("a request was not answered", "path", string(ctx.Path()), "err", err)
	}
	a.desk.count.told(out.Code)
	a.write(ctx, status, errorAnswer{out})
}

func (a *API) write(ctx *fasthttp.RequestCtx, status int, answer any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(answer); err != nil {
		panic(fmt.Sprintf("BUG: an answer cannot be written as JSON: %v", err))
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetBody(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// openAPI is the document of everything that is reported by.
//
//go:embed openapi.json
var openAPI []byte

// document answers GET /openapi.json, which names this redirector as the server.
func (a *API) document(ctx *fasthttp.RequestCtx, _ time.Time, _ netip.Addr) {
	if !ctx.IsGet() && !ctx.IsHead() {
		a.Refuse(ctx, Methods("GET, HEAD"))
		return
	}
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "public, max-age=300")
	ctx.Response.Header.Set("Access-Control-Allow-Origin", "*")
	ctx.SetBody(bytes.ReplaceAll(openAPI, []byte("https://links.example"), []byte(a.base)))
}
