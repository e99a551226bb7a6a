package stores

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Names of two C++ classes as the library's type information spells them.
const (
	killingHandler = "\x0019KillingErrorHandler\x00"
	mildHandler    = "\x00N4Poco12ErrorHandlerE\x00"
)

// The virtual functions of both, after the two destructors: one for each kind of exception.
const (
	handlersFirst = 2
	handlersCount = 3
)

// outliveConnections makes the engine survive a connection that fails. As clickhouse-local, which has
// no connections, it ends the whole process when an exception leaves a thread (KillingErrorHandler in
// https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorHandlers.h), and a wrong
// password or a client that is cut off leaves one. The handler's functions are replaced, in this
// process's memory, by those of the class that it is derived from, which do nothing. symbol is the
// address of chdb_query_cmdline in the loaded library. On an error nothing has been changed.
func outliveConnections(lib string, symbol uintptr) error {
	image, err := openImage(lib, symbol)
	if err != nil {
		return err
	}
	killing, err := image.virtualTable(killingHandler)
	if err != nil {
		return err
	}
	mild, err := image.virtualTable(mildHandler)
	if err != nil {
		return err
	}
	return overwrite(killing[handlersFirst:], mild[handlersFirst:])
}

// image is a shared library as it lies in this process's memory.
type image struct {
	names []byte   // read-only data
	base  uintptr  // of names
	words []uint64 // relocated read-only data
	first uintptr  // address of words
	text  [2]uint64
}

// openImage finds the parts of a library that is loaded; symbol is chdb_query_cmdline's address.
func openImage(lib string, symbol uintptr) (*image, error) {
	f, err := elf.Open(lib)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rodata, relro, text := f.Section(".rodata"), f.Section(".data.rel.ro"), f.Section(".text")
	if rodata == nil || relro == nil || text == nil || f.Class != elf.ELFCLASS64 {
		return nil, errors.New("the library is laid out in an unknown way")
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		if s.Name != "chdb_query_cmdline" || s.Value == 0 {
			continue
		}
		load := symbol - uintptr(s.Value)
		i := &image{base: load + uintptr(rodata.Addr), first: load + uintptr(relro.Addr)}
		i.names = unsafe.Slice((*byte)(pointer(i.base)), rodata.Size)
		i.words = unsafe.Slice((*uint64)(pointer(i.first)), relro.Size/8)
		i.text = [2]uint64{uint64(load) + text.Addr, uint64(load) + text.Addr + text.Size}
		return i, nil
	}
	return nil, errors.New("the library does not name chdb_query_cmdline")
}

// virtualTable returns the virtual functions of a class, laid out as the Itanium C++ ABI wants it
// (https://itanium-cxx-abi.github.io/cxx-abi/abi.html#vtable-components): 0, its type, its functions.
// A type is: the kind of type, the name, and what it is derived from.
func (i *image) virtualTable(name string) ([]uint64, error) {
	at := bytes.Index(i.names, []byte(name))
	if at < 0 {
		return nil, fmt.Errorf("the library has no class %s", name)
	}
	nameAddress := uint64(i.base) + uint64(at) + 1
	for n := 1; n < len(i.words); n++ {
		if i.words[n] != nameAddress {
			continue
		}
		typeAddress := uint64(i.first) + 8*uint64(n-1)
		for m := 1; m+handlersFirst+handlersCount < len(i.words); m++ {
			table := i.words[m+1 : m+1+handlersFirst+handlersCount]
			if i.words[m] == typeAddress && i.words[m-1] == 0 && i.isText(table) {
				return table, nil
			}
		}
	}
	return nil, fmt.Errorf("the library has no functions of class %s", name)
}

func (i *image) isText(addresses []uint64) bool {
	for _, a := range addresses {
		if a < i.text[0] || a >= i.text[1] {
			return false
		}
	}
	return true
}

// overwrite changes words that the loader has write-protected.
func overwrite(words, with []uint64) error {
	page := uintptr(unix.Getpagesize())
	from := uintptr(unsafe.Pointer(&words[0])) &^ (page - 1)
	to := (uintptr(unsafe.Pointer(&words[len(words)-1])) + 8 + page - 1) &^ (page - 1)
	pages := unsafe.Slice((*byte)(pointer(from)), to-from)
	if err := unix.Mprotect(pages, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("make the library's handler writable: %w", err)
	}
	copy(words, with)
	return unix.Mprotect(pages, unix.PROT_READ)
}

// pointer is the pointer to an address outside of Go's memory.
func pointer(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }
