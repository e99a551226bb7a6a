package directory

import (
	"context"
	"errors"

	"fairlead/schema"
)

// Import returns what is remembered of the import of the file that a node is the hash of.
func (d *Directory) Import(ctx context.Context, node string) (schema.Import, bool, error) {
	return lookup[schema.Import](ctx, d, schema.KindImport, NodeID(node))
}

// NoteImport remembers a file's import, or one more take of it, and returns what stands: im, unless another importer of the
// same file was faster.
func (d *Directory) NoteImport(ctx context.Context, actor Actor, im schema.Import) (schema.Import, error) {
	for i := range im.Takes {
		im.Takes[i].At = im.Takes[i].At.UTC()
	}
	stands := im
	err := d.write(ctx, actor, "import of "+im.What, func(ctx context.Context, t *tx) error {
		there, before, err := get[schema.Import](ctx, t, schema.KindImport, NodeID(im.Node))
		switch {
		case CodeOf(err) == NotFound:
		case err != nil:
			return err
		case there.What != im.What:
			return conflict("", "This file was imported as %s.", there.What)
		case len(there.Takes) != len(im.Takes)-1:
			stands = there
			return nil
		}
		if before == nil && len(im.Takes) != 1 {
			return errors.New("BUG: a file's first import is its first take")
		}
		stands = im
		return t.put(schema.KindImport, NodeID(im.Node), before, im, "import:"+im.Node)
	})
	if err != nil {
		return schema.Import{}, err
	}
	return stands, nil
}
