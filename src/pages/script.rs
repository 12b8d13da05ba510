//! The scripts of our own pages: a fragment never leaves the browser, so only a script can carry it through a login;
//! and only a script can close a window. Each does nothing else, and every page works without its script.

/// On the way to the provider: keeps the fragment under the login's key, and takes the address whose state says so. A
/// browser that refuses storage goes on without the fragment.
pub(super) const KEEP_FRAGMENT: &str = "\
(function(){var a=document.getElementById('continue'),to=a.href,h=location.hash;\
if(h.length>1&&h.length<4096)try{sessionStorage.setItem('portcullis:'+a.dataset.key,h);to=a.dataset.withFragment}catch(e){}\
location.replace(to)})()";

/// On the way back: puts the fragment on the page's address.
pub(super) const RESTORE_FRAGMENT: &str = "\
(function(){var a=document.getElementById('continue'),k='portcullis:'+a.dataset.key,h='';\
try{h=sessionStorage.getItem(k)||'';sessionStorage.removeItem(k)}catch(e){}\
location.replace(a.href+(h[0]==='#'?h:''))})()";

/// For links to a login: they take along the fragment that an earlier attempt kept, or the one in the address of this
/// page. What was kept stays for a reload, and ends with the tab at the latest.
pub(super) const CARRY_FRAGMENT: &str = "\
(function(){document.querySelectorAll('a.button').forEach(function(a){var k=a.dataset.key,h='';\
if(k)try{h=sessionStorage.getItem('portcullis:'+k)||''}catch(e){}\
a.hash=h||location.hash})})()";

/// In a window of its own: tells the page that opened it, which looks for itself, and closes. A provider's
/// `Cross-Origin-Opener-Policy` cuts a window off from its opener, but not from a channel of its origin.
pub(super) const END_WINDOW: &str = "\
(function(){try{var c=new BroadcastChannel('portcullis');c.postMessage('signed-in');c.close()}catch(e){}\
close()})()";
