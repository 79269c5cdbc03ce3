"""A user's server, `jupyterhub-singleuser`, without two things that it loads and never uses: a seventh of its memory.

Both are optional where they are imported: jsonschema's check of addresses in foreign letters (16 MB, a grammar that is
compiled at every start), and the colours of Mako's error pages (5 MB).
"""

import sys
from typing import Any, cast

loaded = cast(dict[str, Any], sys.modules)
loaded |= {"rfc3987_syntax": None, "mako.ext.pygmentplugin": None}

from jupyterhub.singleuser import main  # noqa: E402

if __name__ == "__main__":
    main()
