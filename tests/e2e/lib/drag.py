"""Something to drag, for tests: a small window at the screen's corner that gives the files named on the
command line to whatever it is dropped on. Prints "ready", then "given" when they were asked for.
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402

window = Gtk.Window(type=Gtk.WindowType.POPUP)
window.set_default_size(60, 60)
window.move(0, 0)
source = Gtk.EventBox()
source.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
source.drag_source_add_uri_targets()


def give(_source, _context, data, _info, _time):
    data.set_uris([Path(path).as_uri() for path in sys.argv[1:]])
    print("given", flush=True)


source.connect("drag-data-get", give)
window.add(source)
window.connect("map", lambda *_: print("ready", flush=True))
window.show_all()
Gtk.main()
