//! `azora serve`: the engine in the foreground, without a window.

use crate::args::{Place, Serve};
use crate::engine_here::config;
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::terminal::{Terminal, ask, note, print, print_as_it_is};
use crate::watch::Interrupts;
use api::host::{self, Host};
use driver::Layout;
use engine::StartError;

/// `azora serve`.
pub(crate) async fn serve(place: &Place, arguments: &Serve) -> Done {
    let layout = layout(place)?;
    let mut interrupts = Interrupts::catch()?;
    let host = start(&layout, arguments).await?;
    let info = host.handle().info();
    // The token is for the person at the terminal; a log file gets the plain address.
    let url = if Terminal::stdout().live {
        host.browser_url()
    } else {
        host.url()
    };
    print(&format!("azora {} for {}", info.version, info.home))?;
    // The token in it is for the person at the terminal, and in no log.
    print_as_it_is(&format!("UI        {url}"))?;
    if let Some(registry) = &info.registry {
        print(&format!("registry  {registry}"))?;
    }
    if let Some(gateway) = &info.gateway {
        print(&format!("gateway   {gateway}"))?;
    }
    if let Some(consul) = &info.consul {
        print(&format!("consul    {consul}"))?;
    }
    let told = tokio::select! {
        _ = interrupts.next() => true,
        () = host.closed() => false,
    };
    if told {
        note("azora: ending; services run on and are adopted by the next engine. Again: at once");
    }
    tokio::select! {
        () = host.shutdown("cli", true, "`azora serve` was told to end") => Ok(()),
        // A terminal that closes in between changes nothing about ending in order.
        () = interrupts.asked() => Err(Fail::interrupted("")),
    }
}

async fn start(layout: &Layout, arguments: &Serve) -> Done<Host> {
    let beside = (arguments.registry_port, arguments.gateway_port);
    let settings = |take_over| config(layout, arguments.port, beside, take_over);
    let outcome = match host::run(settings(arguments.take_over)?).await {
        Err(host::Error::Engine(StartError::Held { pid, .. })) if offer(pid).await => {
            host::run(settings(true)?).await
        }
        other => other,
    };
    outcome.map_err(|error| match &error {
        host::Error::Engine(StartError::Held { .. }) => {
            Fail::failed(format!("{error} (`azora serve --take-over`)"))
        }
        error => Fail::because(error),
    })
}

/// Asks at a terminal whether to take the home over.
async fn offer(pid: u32) -> bool {
    let question =
        format!("an engine (pid {pid}) has this home. Take over? Its services keep running.");
    ask(&question).await == Some(true)
}
