//! The three scripts there are: a fragment never leaves the browser, so only a script can carry it
//! through a login. Each does nothing else, and every page works without its script.

/// On the way to the provider: keeps the fragment under the login's key, and takes the address
/// whose state says so. A browser that refuses storage goes on without.
pub(super) const KEEP_FRAGMENT: &str = "\
(function(){var a=document.getElementById('continue'),to=a.href,h=location.hash;\
if(h.length>1&&h.length<4096)try{sessionStorage.setItem('portcullis:'+a.dataset.key,h);to=a.dataset.withFragment}catch(e){}\
location.replace(to)})()";

/// On the way back: puts the fragment on the page's address.
pub(super) const RESTORE_FRAGMENT: &str = "\
(function(){var a=document.getElementById('continue'),k='portcullis:'+a.dataset.key,h='';\
try{h=sessionStorage.getItem(k)||'';sessionStorage.removeItem(k)}catch(e){}\
location.replace(a.href+(h[0]==='#'?h:''))})()";

/// On the chooser: its links keep the fragment for the next page.
pub(super) const CARRY_FRAGMENT: &str = "\
(function(){var l=document.querySelectorAll('.choices a'),i;for(i=0;i<l.length;i++)l[i].hash=location.hash})()";
