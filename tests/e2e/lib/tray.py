"""A panel's part in the session, for tests: it watches for tray icons (StatusNotifierItem) and reads and
presses their menus (com.canonical.dbusmenu). Prints "watching", then answers lines on standard input with
one line of JSON each: "items", "menu", or "press TEXT".
"""

import json
import sys

from gi.repository import Gio, GLib

WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
INTERFACE = f"""<node><interface name="{WATCHER}">
<method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
<method name="RegisterStatusNotifierHost"><arg type="s" direction="in"/></method>
<property name="RegisteredStatusNotifierItems" type="as" access="read"/>
<property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
<property name="ProtocolVersion" type="i" access="read"/>
<signal name="StatusNotifierItemRegistered"><arg type="s"/></signal>
<signal name="StatusNotifierItemUnregistered"><arg type="s"/></signal>
</interface></node>"""

bus = Gio.bus_get_sync(Gio.BusType.SESSION)
items: list[tuple[str, str]] = []


def called(_bus, sender, _path, _interface, method, parameters, invocation):
    if method == "RegisterStatusNotifierItem":
        (named,) = parameters.unpack()
        item = (sender, named) if named.startswith("/") else (named, "/StatusNotifierItem")
        if item not in items:
            items.append(item)
            Gio.bus_watch_name_on_connection(bus, item[0], 0, None, lambda _b, _n: items.remove(item))
    invocation.return_value(None)


def read(_bus, _sender, _path, _interface, name):
    return {
        "RegisteredStatusNotifierItems": GLib.Variant("as", [name + path for name, path in items]),
        "IsStatusNotifierHostRegistered": GLib.Variant("b", True),
        "ProtocolVersion": GLib.Variant("i", 0),
    }[name]


def ask(name, path, interface, method, parameters=None):
    return bus.call_sync(name, path, interface, method, parameters, None, 0, 5000, None).unpack()


def property_of(name, path, interface, key):
    asked = GLib.Variant("(ss)", (interface, key))
    return ask(name, path, "org.freedesktop.DBus.Properties", "Get", asked)[0]


def entries():
    """Each entry of the newest icon's menu: number, text, and whether it can be pressed and is ticked."""
    name, path = items[-1]
    menu = property_of(name, path, ITEM, "Menu")
    ask(name, menu, MENU, "AboutToShow", GLib.Variant("(i)", (0,)))
    asked = GLib.Variant("(iias)", (0, -1, []))
    _, (_, _, children) = ask(name, menu, MENU, "GetLayout", asked)
    found = []
    for number, properties, _ in children:
        if properties.get("type") == "separator":
            continue
        text = properties.get("label", "").replace("_", "")
        on = properties.get("toggle-state", 0) == 1
        found.append({"id": number, "text": text, "enabled": properties.get("enabled", True), "on": on})
    return name, menu, found


def answer(line):
    if line == "items":
        return [
            {
                "icon": property_of(name, path, ITEM, "IconName"),
                "theme": property_of(name, path, ITEM, "IconThemePath"),
                "title": property_of(name, path, ITEM, "Title"),
            }
            for name, path in items
        ]
    name, menu, found = entries()
    if line == "menu":
        return found
    text = line.removeprefix("press ")
    entry = next(entry for entry in found if entry["text"] == text)
    event = GLib.Variant("(isvu)", (entry["id"], "clicked", GLib.Variant("i", 0), 0))
    ask(name, menu, MENU, "Event", event)
    return entry


def typed(channel, _condition):
    line = channel.readline()
    if not line:
        loop.quit()
        return False
    try:
        said = answer(line.strip())
    except Exception as error:  # told to the test, which decides
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
    return True


interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
bus.register_object("/StatusNotifierWatcher", interface, called, read, None)
Gio.bus_own_name_on_connection(bus, WATCHER, 0, lambda _b, _n: print("watching", flush=True), None)
GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, typed)
loop = GLib.MainLoop()
loop.run()
