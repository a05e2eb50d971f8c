//! How WebKitGTK is told to keep its processes small. It is told before there is a window: some of it is read from
//! the environment when a process begins, the rest belongs to a context that Tauri makes and does not show.

#![expect(
    unsafe_code,
    reason = "the environment before there are threads, and a class of GObject"
)]

/// Tells it. Called first of all in `main`. Answers the variables that were set here: they are nobody else's.
pub(crate) fn keep_small() -> Vec<&'static str> {
    pressure::bound();
    environment()
}

/// What its processes read from the environment only. What a person has set stays.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place before there are threads"
)]
fn environment() -> Vec<&'static str> {
    let mut wanted = vec![
        // It collects garbage by how much memory the machine has, and lets a page of 15 MB grow to 80. As if there
        // were 256 MiB, it collects sooner: 50 to 70 MB less after some minutes of work.
        ("JSC_forceRAMSize", "268435456"),
        // The C library keeps free memory apart for each thread.
        ("MALLOC_ARENA_MAX", "2"),
        // It takes what is as large as a picture of the topology from memory it keeps, once such a one was given back.
        ("MALLOC_MMAP_THRESHOLD_", "1048576"),
        // What is compiled has some three times its size in tables beside it. With less room only what runs most
        // often is compiled, and drawing takes as long.
        ("JSC_jitMemoryReservationSize", "4194304"),
    ];
    if !std::path::Path::new("/dev/dri").exists() {
        // It shares what it draws through the GPU's buffers. On a machine without one (a virtual machine, a remote
        // display) it shows an empty window, unless it is told to share memory instead.
        wanted.push(("WEBKIT_DISABLE_DMABUF_RENDERER", "1"));
        // Nothing of the window is drawn by OpenGL then. Asked which graphics card there is, this process would
        // load a software one to find out, and with it LLVM: 18 MB that nothing is drawn with. So it is told that
        // there is none, and GTK not to look for one either.
        wanted.push(("WEBKIT_WEB_RENDER_DEVICE_FILE", "/dev/null"));
        wanted.push(("GDK_GL", "disable"));
    }
    wanted.retain(|(name, _)| std::env::var_os(name).is_none());
    for (name, value) in &wanted {
        // SAFETY: `main` calls this first. No thread has been started that could read the environment at the same
        // time.
        unsafe { std::env::set_var(name, value) };
    }
    wanted.into_iter().map(|(name, _)| name).collect()
}

mod pressure {
    //! From which size on its processes give back what they could make again: caches, compiled code, free memory.
    //! By itself WebKitGTK begins with that at a gigabyte.

    use std::ffi::{CStr, c_uint};
    use std::sync::OnceLock;
    use webkit2gtk::ffi::{
        WebKitMemoryPressureSettings, webkit_memory_pressure_settings_free,
        webkit_memory_pressure_settings_new,
        webkit_memory_pressure_settings_set_conservative_threshold,
        webkit_memory_pressure_settings_set_memory_limit,
        webkit_memory_pressure_settings_set_poll_interval,
        webkit_memory_pressure_settings_set_strict_threshold, webkit_web_context_get_type,
        webkit_website_data_manager_set_memory_pressure_settings,
    };
    use webkit2gtk::glib::ffi::{GType, gpointer};
    use webkit2gtk::glib::gobject_ffi::{
        GObject, GObjectClass, GObjectConstructParam, g_type_class_ref, g_value_set_boxed,
    };

    /// Megabytes that the shares below are of. Nothing is ended beyond it.
    const LIMIT: u32 = 240;
    /// From here on what is cheap to make again is given back. The window with 150 services begins at a third.
    const SOME: f64 = 0.4;
    /// From here on everything that can be made again is.
    const ALL: f64 = 0.6;
    /// Seconds between two looks.
    const LOOK: f64 = 30.0;
    /// The property of a context that can be given when it is made, and never after.
    const PROPERTY: &CStr = c"memory-pressure-settings";

    type Constructor =
        unsafe extern "C" fn(GType, c_uint, *mut GObjectConstructParam) -> *mut GObject;

    /// How a context is made without us.
    static USUAL: OnceLock<Constructor> = OnceLock::new();

    /// Sees to it that every context made from here on has these bounds.
    pub(super) fn bound() {
        // SAFETY: the class is WebKit's own for the type asked for and lives as long as this reference, which is
        // never given up. No other thread runs yet that could make a context meanwhile.
        unsafe {
            let class = g_type_class_ref(webkit_web_context_get_type()).cast::<GObjectClass>();
            let Some(usual) = (*class).constructor else {
                return;
            };
            // A second call would make our own the usual one.
            if USUAL.set(usual).is_ok() {
                (*class).constructor = Some(constructor);
            }
        }
        with_settings(|settings| {
            // SAFETY: it copies them.
            unsafe { webkit_website_data_manager_set_memory_pressure_settings(settings) };
        });
    }

    /// Makes a context as usual, with the one property that nobody else gives.
    unsafe extern "C" fn constructor(
        kind: GType,
        count: c_uint,
        given: *mut GObjectConstructParam,
    ) -> *mut GObject {
        let length = usize::try_from(count).unwrap_or_default();
        for at in 0..length {
            // SAFETY: GObject hands over so many properties, each with its description and a value that is its
            // own to fill.
            unsafe {
                let param = *given.add(at);
                if CStr::from_ptr((*param.pspec).name) == PROPERTY {
                    with_settings(|settings| {
                        g_value_set_boxed(param.value, settings as gpointer);
                    });
                }
            }
        }
        let usual = USUAL.get().expect("it was kept before this took its place");
        // SAFETY: with what it is called with by GObject.
        unsafe { usual(kind, count, given) }
    }

    fn with_settings(give: impl FnOnce(*mut WebKitMemoryPressureSettings)) {
        // SAFETY: made, changed, lent for the call, and freed.
        unsafe {
            let settings = webkit_memory_pressure_settings_new();
            webkit_memory_pressure_settings_set_memory_limit(settings, LIMIT);
            // Each has to be below the next, and the first is moved down first.
            webkit_memory_pressure_settings_set_conservative_threshold(settings, SOME);
            webkit_memory_pressure_settings_set_strict_threshold(settings, ALL);
            webkit_memory_pressure_settings_set_poll_interval(settings, LOOK);
            give(settings);
            webkit_memory_pressure_settings_free(settings);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use webkit2gtk::WebContext;
        use webkit2gtk::glib::{ParamFlags, object::ObjectClass, prelude::StaticType};

        #[test]
        fn a_context_has_the_property_and_takes_it_only_when_it_is_made() {
            let class = ObjectClass::from_type(WebContext::static_type()).expect("a class");
            let name = PROPERTY.to_str().expect("a name");
            let property = class.find_property(name).expect("the property");
            assert!(property.flags().contains(ParamFlags::CONSTRUCT_ONLY));
        }
    }
}
