package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// LinksReport is what an import of links did.
type LinksReport struct {
	Read
	Added uint64 `json:"added"`
	Kept  uint64 `json:"kept"` // links that were there already
}

// link is a link as a row tells it.
type link struct {
	directory.NewLink
	who    string // e-mail address or slug of the partner
	line   int
	record []string
}

// Links imports partners' links. A slug that is a link of the same partner to the same place is kept; any other that is taken
// is refused.
func (im *Importer) Links(ctx context.Context, path string, stdin io.Reader) (LinksReport, error) {
	var r LinksReport
	err := im.file(ctx, path, stdin, linkColumns, &r.Read, func(t *table, program schema.Program, out *rejects) error {
		return im.links(ctx, t, program, out, &r)
	})
	return r, err
}

func (im *Importer) links(ctx context.Context, t *table, program schema.Program, out *rejects, r *LinksReport) error {
	var list []link
	var names []string
	for t.next() {
		wrong := t.refused
		if wrong == nil {
			var l link
			if l, wrong = readLink(t, program); wrong == nil {
				list = append(list, l)
				names = append(names, l.Slug, l.who)
				continue
			}
		}
		if err := out.add(t.line, t.record, wrong); err != nil {
			return err
		}
	}
	if t.err != nil {
		return t.err
	}
	version, err := im.Directory.Version(ctx)
	if err != nil {
		return err
	}
	owners, err := im.Directory.At(version).Owners(ctx, names)
	if err != nil {
		return err
	}
	var fresh []link
	first := map[string]link{}
	for _, l := range list {
		who, known := owners[l.who]
		l.Partner = who.Partner
		has, taken := owners[l.Slug]
		if before, twice := first[schema.FoldSlug(l.Slug)]; twice && !taken {
			has, taken = directory.Owner{Partner: before.Partner, Link: schema.Link{To: before.To}}, true
		}
		wrong := error(nil)
		switch {
		case !known || who.Partner == 0:
			wrong = fmt.Errorf("partner: nobody has the e-mail address or slug %s", l.who)
		case !taken:
			first[schema.FoldSlug(l.Slug)] = l
			fresh = append(fresh, l)
			continue
		case has.Partner != who.Partner:
			wrong = fmt.Errorf("slug: %q is another partner's", l.Slug)
		case !leads(has.Link.To, l.To, program):
			wrong = fmt.Errorf("slug: %q leads to %s already", l.Slug, orHome(has.Link.To, program))
		default:
			r.Kept++
			continue
		}
		if err := out.add(l.line, l.record, wrong); err != nil {
			return err
		}
	}
	r.Added, err = im.addLinks(ctx, fresh, out)
	return err
}

// readLink reads a row.
func readLink(t *table, program schema.Program) (link, error) {
	l := link{line: t.line, record: t.record}
	text := t.get("slug")
	l.Slug = slugOf(text)
	if l.Slug == "" {
		return l, errors.New("slug: is missing")
	}
	if err := schema.CheckSlug(l.Slug); err != nil {
		return l, err
	}
	if l.who = t.get("partner"); l.who == "" {
		return l, errors.New("partner: is missing")
	}
	if !strings.Contains(l.who, "@") {
		l.who = slugOf(l.who)
	}
	l.To = orHome(t.get("to"), program)
	var err error
	if text := t.get("expires_at"); text != "" {
		if l.ExpiresAt, err = parseTime(text, program.Location()); err != nil {
			return l, err
		}
	}
	if text := t.get("created_at"); text != "" {
		l.CreatedAt, err = parseTime(text, program.Location())
	}
	return l, err
}

// orHome is where a link leads; a personal one, and one of which nothing is said, to the homepage.
func orHome(to string, program schema.Program) string {
	if to == "" {
		return program.Homepage
	}
	return to
}

// leads reports whether a link to one place is one to another, however it is written.
func leads(there, asked string, program schema.Program) bool {
	there = orHome(there, program)
	if there == asked {
		return true
	}
	hosts, err := schema.NewDestinations(program.AllowedDomains, true)
	if err != nil {
		return false
	}
	same, err := hosts.Check(asked)
	return err == nil && same == there
}

// addLinks adds links and tells how many; those that the directory refuses are rejects.
func (im *Importer) addLinks(ctx context.Context, list []link, out *rejects) (uint64, error) {
	const atOnce = 5000
	added, all := uint64(0), int64(len(list))
	err := addAll(list, atOnce, func(part []link) error {
		links := make([]directory.NewLink, len(part))
		for i, l := range part {
			links[i] = l.NewLink
		}
		if _, err := im.Directory.AddLinks(ctx, directory.CLI, links); err != nil {
			return err
		}
		added += uint64(len(part))
		im.Progress(StepLinks, int64(added), all)
		return nil
	}, func(l link, err error) error { return out.add(l.line, l.record, why(err)) })
	return added, err
}
