using Microsoft.AspNetCore.Http;

namespace Ztunnel.Diagnostics;

/// <summary>Answers one path of an <see cref="HttpEndpoint"/>; only asked with GET and HEAD.</summary>
internal delegate Task Page(HttpContext context);
