package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// reporter tells the track API what happened, as a merchant's server does.
type reporter struct {
	base   string // the redirector's URL, without a slash at its end
	key    string
	client *http.Client
}

// told is a call that was made, for the page to show: this is a demo.
type told struct {
	Path   string
	Body   string // JSON
	Answer string // "200 OK", or why there was none
	OK     bool
}

// mostOfAnswer is how much of an answer is read, in bytes.
const mostOfAnswer = 16 << 10

// tell makes a call. A shop must not lose an order to a report that failed: the page says so, and that is all.
func (p *reporter) tell(ctx context.Context, path string, body map[string]any) *told {
	t := &told{Path: path}
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		panic("BUG: a report cannot be written as JSON: " + err.Error())
	}
	t.Body = string(text)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, bytes.NewReader(text))
	if err != nil {
		t.Answer = err.Error()
		return t
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		t.Answer = err.Error()
		return t
	}
	defer resp.Body.Close()
	t.Answer, t.OK = resp.Status, resp.StatusCode == http.StatusOK
	if t.OK {
		return t
	}
	var why struct{ Error struct{ Message string } }
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostOfAnswer))
	if err == nil && json.Unmarshal(answer, &why) == nil && why.Error.Message != "" {
		t.Answer = fmt.Sprintf("%s: %s", t.Answer, why.Error.Message)
	}
	return t
}
