"""The two major lines of the SDK under one set of names; all other modules of the bridge take them from here."""

from __future__ import annotations

from agent_memory.bridges.extras import extra

with extra("mcp", packages=("mcp",)):
    from mcp.types import (
        INVALID_PARAMS,
        Completion,
        CompletionArgument,
        CompletionContext,
        PromptReference,
        ResourceTemplateReference,
        ToolAnnotations,
    )

    try:
        from mcp.server.mcpserver import Context, MCPServer
        from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
        from mcp.server.mcpserver.tools import Tool
        from mcp.shared.exceptions import MCPError

        LINE = 2
    except ModuleNotFoundError:  # the first line
        from mcp.server.fastmcp import Context, exceptions, tools  # type: ignore[attr-defined, no-redef]
        from mcp.server.fastmcp import FastMCP as MCPServer  # type: ignore[attr-defined, no-redef]

        ResourceNotFoundError, ToolError = exceptions.ResourceError, exceptions.ToolError  # type: ignore[misc]
        Tool = tools.Tool  # type: ignore[misc]

        LINE = 1


def refusal(message: str) -> Exception:
    """Return the error with which a prompt tells its client a sentence: the second line hides those of Python."""
    return MCPError(INVALID_PARAMS, message) if LINE > 1 else ValueError(message)


__all__ = [
    "LINE", "Completion", "CompletionArgument", "CompletionContext", "Context", "MCPServer", "PromptReference",
    "ResourceNotFoundError", "ResourceTemplateReference", "Tool", "ToolAnnotations", "ToolError", "refusal",
]  # fmt: skip
